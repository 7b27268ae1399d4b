from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from spanmeter.pricing import Usage, read_usage_metadata
from spanmeter.pricing.metadata import read_metadata
from spanmeter.pricing.reading import read

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], Usage]] = {
    "plain": (
        {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14},
        {},
        Usage(input=10, output=4),
    ),
    "openai": (
        {
            "input_tokens": 1000,
            "output_tokens": 200,
            "total_tokens": 1200,
            "input_token_details": {"cache_read": 600, "audio": 50},
            "output_token_details": {"reasoning": 128, "audio": 20},
        },
        {"model_provider": "openai"},
        Usage(input=350, cache_read=600, input_audio=50, output=52, reasoning=128, output_audio=20),
    ),
    "anthropic-lifetimes-with-cache-creation-zero": (
        {
            "input_tokens": 5100,
            "output_tokens": 10,
            "total_tokens": 5110,
            "input_token_details": {
                "cache_read": 2000,
                "cache_creation": 0,
                "ephemeral_5m_input_tokens": 1000,
                "ephemeral_1h_input_tokens": 2000,
            },
        },
        {"usage": {"server_tool_use": {"web_search_requests": 3}}},
        Usage(input=100, cache_read=2000, cache_write_5m=1000, cache_write_1h=2000, output=10, web_searches=3),
    ),
    "anthropic-without-lifetimes": (
        {
            "input_tokens": 110,
            "output_tokens": 1,
            "total_tokens": 111,
            "input_token_details": {"cache_read": 0, "cache_creation": 100},
        },
        {},
        Usage(input=10, cache_write_5m=100, output=1),
    ),
    "flex": (
        {
            "input_tokens": 1000,
            "output_tokens": 300,
            "total_tokens": 1300,
            "input_token_details": {"flex_cache_read": 400, "flex": 600},
            "output_token_details": {"flex_reasoning": 100, "flex": 200},
        },
        {"service_tier": "flex"},
        Usage(input=600, cache_read=400, output=200, reasoning=100),
    ),
    "priority-with-writes-counted-twice": (
        {
            "input_tokens": 1000,
            "output_tokens": 1,
            "total_tokens": 1001,
            "input_token_details": {"priority_cache_read": 400, "priority_cache_creation": 100, "priority": 600},
        },
        {"service_tier": "priority"},
        Usage(input=500, cache_read=400, cache_write_5m=100, output=1),
    ),
    "old-aws-leaves-cache-out": (
        {
            "input_tokens": 3,
            "output_tokens": 250,
            "total_tokens": 13253,
            "input_token_details": {"cache_read": 12000, "cache_creation": 1000},
        },
        {},
        Usage(input=3, cache_read=12000, cache_write_5m=1000, output=250),
    ),
    "cache-beyond-input-without-total": (
        {"input_tokens": 3, "output_tokens": 1, "input_token_details": {"cache_read": 50}},
        {},
        Usage(input=3, cache_read=50, output=1),
    ),
    "anthropic-compaction": (
        {"input_tokens": 200, "output_tokens": 5, "total_tokens": 205},
        {
            "usage": {
                "input_tokens": 200,
                "output_tokens": 5,
                "iterations": [
                    {"type": "compaction", "input_tokens": 9000, "output_tokens": 100},
                    {"type": "message", "input_tokens": 200, "output_tokens": 5},
                ],
            }
        },
        Usage(input=9200, output=105),
    ),
    "aws-invoke-model-leaves-cache-out": (
        {
            "input_tokens": 1000,
            "output_tokens": 61,
            "total_tokens": 1061,
            "input_token_details": {"cache_read": 0, "cache_creation": 297},
        },
        {
            "model_provider": "bedrock",
            "usage": {
                "prompt_tokens": 1000,
                "completion_tokens": 61,
                "cache_read_input_tokens": 0,
                "cache_write_input_tokens": 297,
                "total_tokens": 1061,
            },
        },
        Usage(input=1000, cache_write_5m=297, output=61),
    ),
    "aws-invoke-model-stream-leaves-cache-out-of-the-total-too": (
        {
            "input_tokens": 3000,
            "output_tokens": 61,
            "total_tokens": 3061,
            "input_token_details": {"cache_read": 2074, "cache_creation": 0},
        },
        {"model_provider": "bedrock"},
        Usage(input=3000, cache_read=2074, output=61),
    ),
    "aws-converse-includes-cache": (
        {
            "input_tokens": 2374,
            "output_tokens": 61,
            "total_tokens": 2435,
            "input_token_details": {
                "cache_read": 2074,
                "cache_creation": 297,
                "ephemeral_5m_input_tokens": 97,
                "ephemeral_1h_input_tokens": 200,
            },
        },
        {"model_provider": "bedrock_converse"},
        Usage(input=3, cache_read=2074, cache_write_5m=97, cache_write_1h=200, output=61),
    ),
    "google-thoughts-inside-the-output": (
        {
            "input_tokens": 20,
            "output_tokens": 61,
            "total_tokens": 81,
            "input_token_details": {"cache_read": 0},
            "output_token_details": {"reasoning": 53},
        },
        {"model_name": "gemini-2.5-flash", "model_provider": "google_genai"},
        Usage(input=20, output=8, reasoning=53),
    ),
    "google-thoughts-beside-the-output": (
        {"input_tokens": 20, "output_tokens": 8, "total_tokens": 81, "output_token_details": {"reasoning": 53}},
        {"model_name": "gemini-2.5-flash"},
        Usage(input=20, output=8, reasoning=53),
    ),
    "google-thoughts-only-in-the-total": (
        {"input_tokens": 20, "output_tokens": 8, "total_tokens": 81, "input_token_details": {"cache_read": 5}},
        {"model_name": "gemini-2.5-pro-preview"},
        Usage(input=15, cache_read=5, output=8, reasoning=53),
    ),
    "fast": (
        {
            "input_tokens": 10,
            "output_tokens": 5,
            "total_tokens": 15,
            "input_token_details": {"fast_cache_read": 4, "fast": 6},
            "output_token_details": {"fast_reasoning": 2, "fast": 3},
        },
        {"service_tier": "fast"},
        Usage(input=6, cache_read=4, output=3, reasoning=2),
    ),
    "perplexity-search": (
        {"input_tokens": 25, "output_tokens": 300, "total_tokens": 325, "output_token_details": {}},
        {"model_name": "sonar-pro", "search_context_size": "mediummedium"},
        Usage(input=25, output=300, web_searches_medium=1),
    ),
    "perplexity-research-thinks-apart": (
        {
            "input_tokens": 33,
            "output_tokens": 7163,
            "total_tokens": 7196,
            "output_token_details": {"reasoning": 95305, "citation_tokens": 20016},
        },
        {"model_name": "sonar-deep-research", "num_search_queries": 18},
        Usage(input=33, output=7163, reasoning=95305, web_searches=18, citation_tokens=20016),
    ),
    "xai-live-search": (
        {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110},
        {"token_usage": {"prompt_tokens": 100, "completion_tokens": 10, "num_sources_used": 4}},
        Usage(input=100, output=10, search_sources=4),
    ),
    "openrouter-search": (
        {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110},
        {"token_usage": {"server_tool_use_details": {"web_search_requests": 2}}},
        Usage(input=100, output=10, web_searches=2),
    ),
    "numbers-as-text": (
        {"input_tokens": "10", "output_tokens": 4.0, "total_tokens": "14"},
        {},
        Usage(input=10, output=4),
    ),
    "nothing": ({}, {}, Usage()),
    "nonsense": (
        {
            "input_tokens": "many",
            "output_tokens": -1,
            "input_token_details": 7,
            "output_token_details": {"audio": None},
        },
        {"usage": "x"},
        Usage(),
    ),
}


@pytest.mark.parametrize(("usage", "response", "expected"), CASES.values(), ids=CASES)
def test_reads_langchain_usage(usage: dict[str, Any], response: dict[str, Any], expected: Usage) -> None:
    assert read_usage_metadata(usage, response) == expected


def test_notes_what_contradicts_itself() -> None:
    said = {
        "input_tokens": 5,
        "output_tokens": -2,
        "total_tokens": 9,
        "input_token_details": {"cache_read": "x"},
        "output_token_details": {"reasoning": 7},
    }
    assert read_metadata(said, {}).notes == (
        "output_tokens is -2, which is no count",
        "cache_read is 'x', which is no count",
        "the total of 9 tokens is not the sum of 5 input and 0 output",
        "details of 7 output tokens exceed the 0 reported",
    )


def test_notes_thoughts_that_only_the_total_tells() -> None:
    told = {"input_tokens": 20, "output_tokens": 8, "total_tokens": 81}
    assert read_metadata(told, {"model_name": "gemini-2.5-pro"}).notes == (
        "the total of 81 tokens tells 53 of reasoning",
    )
    assert read_metadata(told, {"model_name": "gpt-4o"}).notes == (
        "the total of 81 tokens is not the sum of 20 input and 8 output",
    )


def test_a_count_of_gemini_tells_its_words() -> None:
    assert read({"candidatesTokenCount": 18, "thoughtsTokenCount": 58}, provider="google").usage == Usage(
        output=18, reasoning=58
    )


NUMBERS: tuple[Any, ...] = (
    0,
    1,
    7,
    100,
    10**6,
    10**30,
    -1,
    -0.5,
    2.5,
    True,
    None,
    "12",
    "-3",
    "many",
    float("nan"),
    [],
    [{}],
    {},
    b"1",
)
KEYS = [
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read",
    "cache_creation",
    "ephemeral_5m_input_tokens",
    "reasoning",
    "audio",
    "image",
    "flex_cache_read",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_read_input_tokens",
    "promptTokenCount",
    "thoughtsTokenCount",
    "inputTokens",
    "billed_units",
    "cost",
    "iterations",
    "server_tool_use",
    "web_search_requests",
]
INSIDE = [
    "input_token_details",
    "output_token_details",
    "prompt_tokens_details",
    "completion_tokens_details",
    "cache_creation",
    "usage",
    "billed_units",
    "cacheDetails",
    "promptTokensDetails",
    "server_tool_use",
    "iterations",
]


def junk(chance: random.Random, *, depth: int = 2) -> dict[str, Any]:
    made: dict[str, Any] = {key: chance.choice(NUMBERS) for key in chance.sample(KEYS, chance.randrange(8))}
    for key in chance.sample(INSIDE, chance.randrange(4)) if depth else ():
        inside = junk(chance, depth=depth - 1)
        made[key] = chance.choice([inside, [inside], [inside, 3]])
    return made


@pytest.mark.parametrize("seed", range(40))
def test_never_raises_and_never_counts_below_nothing(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(50):
        payload, provider = junk(chance), chance.choice(["openai", "anthropic", "google", "x-ai", "cohere", "aws", ""])
        for usage in (read_usage_metadata(payload, junk(chance)), read(payload, provider=provider).usage):
            assert all(count > 0 for _, count in usage.filled())


@pytest.mark.parametrize("seed", range(40))
def test_details_are_parts_of_totals_that_add_up(seed: int) -> None:
    chance = random.Random(seed)
    cached, written, thought = (chance.randrange(1000) for _ in range(3))
    tokens_in, tokens_out = cached + written + chance.randrange(1000), thought + chance.randrange(1000)
    usage = read_usage_metadata(
        {
            "input_tokens": tokens_in,
            "output_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
            "input_token_details": {"cache_read": cached, "cache_creation": written},
            "output_token_details": {"reasoning": thought},
        },
        {},
    )
    assert (usage.input_tokens, usage.output_tokens) == (tokens_in, tokens_out)
    assert (usage.cache_read, usage.cache_write_5m, usage.reasoning) == (cached, written, thought)


@pytest.mark.parametrize("total", [0, 40, 100, 140, 141])
def test_plain_counts_read_as_those_beside_audio_do(total: int) -> None:
    for tokens_in, cached, written, reasoned in itertools.product((0, 100), (0, 60, 100), (0, 40), (0, 40, 41)):
        usage: dict[str, Any] = {"input_tokens": tokens_in, "output_tokens": 40, "total_tokens": total}
        details = {"cache_read": cached, "cache_creation": written}
        usage["output_token_details"] = {"reasoning": reasoned}
        plain = read_metadata({**usage, "input_token_details": details}, {})
        assert plain == read_metadata({**usage, "input_token_details": {**details, "audio": 0}}, {})
