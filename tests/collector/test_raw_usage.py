from __future__ import annotations

import json
from typing import Any

import pytest

from spanmeter.pricing import Usage
from spanmeter_collector.raw_usage import RAW_USAGE_KEYS, detailed
from spanmeter_collector.reading import read

OPENAI = {
    "prompt_tokens": 111,
    "completion_tokens": 31,
    "total_tokens": 142,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 8},
}
ANTHROPIC = {
    "input_tokens": 38,
    "cache_read_input_tokens": 50,
    "cache_creation_input_tokens": 11,
    "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 7},
    "output_tokens": 28,
}
METADATA = {
    "input_tokens": 111,
    "output_tokens": 31,
    "total_tokens": 142,
    "input_token_details": {"cache_read": 64},
    "output_token_details": {"reasoning": 8},
}
CHAT = Usage(input=47, cache_read=64, output=23, reasoning=8)
OBJECTS: dict[str, tuple[str, Any, str, Usage]] = {
    "Logfire, OpenAI": ("gen_ai.usage.raw", json.dumps(OPENAI), "openai", CHAT),
    "Logfire, Anthropic": (
        "gen_ai.usage.raw",
        json.dumps(ANTHROPIC),
        "anthropic",
        Usage(input=38, cache_read=50, cache_write_5m=4, cache_write_1h=7, output=28),
    ),
    "Langfuse, a client's": ("langfuse.observation.usage_details", json.dumps(OPENAI), "", CHAT),
    "Langfuse, LangChain's": (
        "langfuse.observation.usage_details",
        json.dumps({"input": 47, "output": 23, "total": 142, "input_cache_read": 64, "output_reasoning": 8}),
        "",
        CHAT,
    ),
    "Langfuse, by hand": (
        "langfuse.observation.usage_details",
        json.dumps({"input": 47, "input_cached_tokens": 64, "output": 31}),
        "",
        Usage(input=47, cache_read=64, output=31),
    ),
    "Langfuse, embeddings": ("langfuse.observation.usage_details", '{"input": 15}', "", Usage(input=15)),
    "LangSmith": ("langsmith.metadata.usage_metadata", json.dumps(METADATA), "openai", CHAT),
    "MLflow": (
        "mlflow.chat.tokenUsage",
        '{"input_tokens": 111, "output_tokens": 31, "total_tokens": 142, "cache_read_input_tokens": 64}',
        "",
        Usage(input=47, cache_read=64, output=31),
    ),
    "LiteLLM, as Python writes": ("metadata.usage_object", str(OPENAI | {"more": None}), "openai", CHAT),
}


@pytest.mark.parametrize(("key", "said", "provider", "usage"), OBJECTS.values(), ids=OBJECTS)
def test_usage_is_read_from_an_object_alone(key: str, said: str, provider: str, usage: Usage) -> None:
    assert read({key: said, "gen_ai.system": provider}, scope="").usage == usage


@pytest.mark.parametrize(("key", "said", "provider", "usage"), OBJECTS.values(), ids=OBJECTS)
def test_an_object_adds_its_details_to_flat_totals(key: str, said: str, provider: str, usage: Usage) -> None:
    known: dict[str, Any] = {key: said, "gen_ai.system": provider}
    flat = {"gen_ai.usage.input_tokens": usage.input_tokens, "gen_ai.usage.output_tokens": usage.output_tokens}

    assert read(known | flat, scope="").usage == usage


def test_an_object_that_contradicts_the_flat_totals_is_not_believed() -> None:
    flat = Usage(input=10, output=5)

    assert detailed(flat, "gen_ai.usage.raw", json.dumps(OPENAI), provider="openai") is flat


def test_flat_details_are_kept_where_the_object_says_less() -> None:
    flat, less = Usage(input=7, cache_read=3, output=5), '{"prompt_tokens": 10, "completion_tokens": 5}'

    assert detailed(flat, "gen_ai.usage.raw", less, provider="openai") is flat


ODD = ["", "{", "[]", "null", "{}", '{"input": -1}', '{"prompt_tokens": "many"}', "{'a': __import__('os')}", "{" * 9000]


@pytest.mark.parametrize("said", [*ODD, json.dumps({"prompt_tokens": 1, "more": "x" * 20_000})])
@pytest.mark.parametrize("key", RAW_USAGE_KEYS)
def test_an_object_that_is_none_says_nothing(key: str, said: str) -> None:
    assert detailed(None, key, said, provider="") is None
