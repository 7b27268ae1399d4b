from __future__ import annotations

from typing import Any

import pytest

from spanmeter.pricing import Usage
from spanmeter.pricing.tools import tools_run

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, Usage]] = {
    "nothing": ({}, {}, "gpt-4o", Usage()),
    "counted": ({"tool_usage": {"web_search": {"num_requests": 3}}}, {}, "gpt-5", Usage(web_searches=3)),
    "a-count-goes-before-a-list": (
        {"tool_usage": {"web_search": {"num_requests": 3}}, "output": [{"type": "web_search_call"}]},
        {},
        "gpt-5",
        Usage(web_searches=3),
    ),
    "listed": (
        {
            "output": [
                {"type": "web_search_call"},
                {"type": "web_search_call", "action": {"type": "find_in_page"}},
                {"type": "file_search_call"},
                {"type": "code_interpreter_call", "container_id": "a"},
                {"type": "code_interpreter_call", "container_id": "b"},
                {"type": "code_interpreter_call", "container_id": "b"},
                "nonsense",
            ]
        },
        {},
        "gpt-5",
        Usage(web_searches=1, file_searches=1, code_executions=2),
    ),
    "grounded-prompt": (
        {"groundingMetadata": {"webSearchQueries": ["a", "b"]}},
        {},
        "gemini-2.5-flash",
        Usage(web_searches=1),
    ),
    "grounded-queries": (
        {"candidates": [{"grounding_metadata": {"web_search_queries": ["a", "b"]}}, None]},
        {},
        "models/gemini-3.1-pro-preview",
        Usage(web_searches=2),
    ),
    "grounded-in-nothing": ({"groundingMetadata": {"groundingChunks": []}}, {}, "gemini-2.5-flash", Usage()),
    "search-model": ({}, {}, "gpt-4o-search-preview-2025-03-11", Usage(web_searches_medium=1)),
    "search-model-asked-for-more": (
        {},
        {"web_search_options": {"search_context_size": "high"}},
        "gpt-4o-mini-search-preview",
        Usage(web_searches_high=1),
    ),
    "nonsense": ({"output": 7, "candidates": "x", "tool_usage": []}, {"web_search_options": 3}, "gpt-5", Usage()),
}


@pytest.mark.parametrize(("said", "asked", "model", "run"), CASES.values(), ids=CASES)
def test_counts_tools_that_stand_beside_the_usage(
    said: dict[str, Any], asked: dict[str, Any], model: str, run: Usage
) -> None:
    assert tools_run(said, asked, model=model) == run
