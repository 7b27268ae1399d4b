from __future__ import annotations

from typing import Any

import pytest

from spanmeter.pricing import Part, Usage
from spanmeter.pricing.reading import Reading
from spanmeter.pricing.tools import tools_run, with_tools

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
    "grounded-queries-told-twice": (
        {"grounding_metadata": {"web_search_queries": ["a", "", "b", "a"]}},
        {},
        "gemini-3-flash-preview",
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


def test_a_size_that_the_usage_tells_is_not_told_again() -> None:
    reading = Reading((Part(Usage(web_searches_low=1)),))
    assert with_tools(reading, Usage(web_searches_high=1)) is reading


RUN = Usage(web_searches=2, file_searches=1)
COMPLETED: dict[str, tuple[tuple[Part, ...], tuple[Part, ...]]] = {
    "added": ((Part(Usage(input=3)),), (Part(Usage(input=3, web_searches=2, file_searches=1)),)),
    "told-already": (
        (Part(Usage(input=3, web_searches=5)),),
        (Part(Usage(input=3, web_searches=5, file_searches=1)),),
    ),
    "beside-parts": (
        (Part(Usage(input=3)), Part(Usage(input=4), "other")),
        (Part(Usage(input=3)), Part(Usage(input=4), "other"), Part(RUN)),
    ),
    "beside-another-model": ((Part(Usage(input=3), "other"),), (Part(Usage(input=3), "other"), Part(RUN))),
}


@pytest.mark.parametrize(("parts", "completed"), COMPLETED.values(), ids=COMPLETED)
def test_adds_the_tools_that_a_reading_lacks(parts: tuple[Part, ...], completed: tuple[Part, ...]) -> None:
    assert with_tools(Reading(parts, ("a note",)), RUN) == Reading(completed, ("a note",))


def test_a_reading_stays_as_it_is_where_no_tool_ran() -> None:
    reading = Reading((Part(Usage()),), silent=True)
    assert with_tools(reading, Usage()) is reading
