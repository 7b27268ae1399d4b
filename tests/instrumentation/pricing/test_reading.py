from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from spanmeter.pricing import Usage, read_usage
from spanmeter.pricing.dialects import ANTHROPIC, BEDROCK, COHERE, GEMINI, GEMINI_PYTHON, OPENAI, XAI
from spanmeter.pricing.reading import Part, read
from spanmeter.pricing.usage import BUCKETS


@dataclass(frozen=True)
class Case:
    id: str
    provider: str
    payload: dict[str, Any]
    expected: Usage
    api: str = ""
    notes: tuple[str, ...] = field(default=())


CASES = [
    Case(
        "chat", "openai", {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27}, Usage(input=20, output=7)
    ),
    Case(
        "chat-details-are-inside",
        "openai",
        {
            "prompt_tokens": 2000,
            "completion_tokens": 500,
            "total_tokens": 2500,
            "prompt_tokens_details": {"cached_tokens": 1536, "audio_tokens": 100},
            "completion_tokens_details": {"reasoning_tokens": 320, "audio_tokens": 80},
        },
        Usage(input=364, cache_read=1536, input_audio=100, output=100, reasoning=320, output_audio=80),
    ),
    Case(
        "null-details",
        "azure.ai.openai",
        {"prompt_tokens": 4, "completion_tokens": 2, "prompt_tokens_details": None, "completion_tokens_details": None},
        Usage(input=4, output=2),
    ),
    Case(
        "responses",
        "openai",
        {
            "input_tokens": 700,
            "input_tokens_details": {"cached_tokens": 512, "cache_write_tokens": 100},
            "output_tokens": 90,
            "output_tokens_details": {"reasoning_tokens": 64},
            "total_tokens": 790,
        },
        Usage(input=88, cache_read=512, cache_write_5m=100, output=26, reasoning=64),
        api="responses",
    ),
    Case(
        "litellm-adds-anthropics-names",
        "",
        {
            "prompt_tokens": 91,
            "completion_tokens": 9,
            "total_tokens": 100,
            "prompt_tokens_details": {"cached_tokens": 50},
            "cache_read_input_tokens": 50,
            "cache_creation_input_tokens": 11,
        },
        Usage(input=30, cache_read=50, cache_write_5m=11, output=9),
    ),
    Case("ollama", "ollama", {"prompt_eval_count": 26, "eval_count": 7}, Usage(input=26, output=7)),
    Case("embeddings", "openai", {"prompt_tokens": 9, "total_tokens": 9}, Usage(input=9), api="embeddings"),
    Case("total-only", "voyageai", {"total_tokens": 31}, Usage(input=31)),
    Case(
        "realtime-audio-from-cache",
        "openai",
        {
            "total_tokens": 350,
            "input_tokens": 300,
            "output_tokens": 50,
            "input_token_details": {
                "cached_tokens": 120,
                "audio_tokens": 200,
                "cached_tokens_details": {"text_tokens": 20, "audio_tokens": 100},
            },
            "output_token_details": {"audio_tokens": 40},
        },
        Usage(input=80, cache_read=20, cache_read_audio=100, input_audio=100, output=10, output_audio=40),
    ),
    Case(
        "anthropic-adds-cache",
        "anthropic",
        {
            "input_tokens": 12,
            "cache_read_input_tokens": 3000,
            "cache_creation_input_tokens": 700,
            "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
            "output_tokens": 45,
            "output_tokens_details": {"thinking_tokens": 30},
            "server_tool_use": {"web_search_requests": 2},
        },
        Usage(
            input=12,
            cache_read=3000,
            cache_write_5m=500,
            cache_write_1h=200,
            output=15,
            reasoning=30,
            web_searches=2,
        ),
    ),
    Case(
        "anthropic-before-lifetimes",
        "anthropic",
        {"input_tokens": 5, "cache_creation_input_tokens": 90, "cache_read_input_tokens": 0, "output_tokens": 1},
        Usage(input=5, cache_write_5m=90, output=1),
    ),
    Case(
        "anthropic-on-bedrock",
        "aws.bedrock",
        {"input_tokens": 5, "output_tokens": 1},
        Usage(input=5, output=1),
        api="invoke_model(anthropic)",
    ),
    Case(
        "bedrock-converse",
        "aws.bedrock",
        {
            "inputTokens": 8,
            "outputTokens": 20,
            "totalTokens": 1128,
            "cacheReadInputTokens": 800,
            "cacheWriteInputTokens": 300,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 200}, {"ttl": "5m", "inputTokens": 100}],
        },
        Usage(input=8, cache_read=800, cache_write_5m=100, cache_write_1h=200, output=20),
    ),
    Case(
        "gemini",
        "gcp.gemini",
        {
            "promptTokenCount": 400,
            "toolUsePromptTokenCount": 50,
            "cachedContentTokenCount": 150,
            "candidatesTokenCount": 30,
            "thoughtsTokenCount": 70,
            "totalTokenCount": 550,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}, {"modality": "AUDIO", "tokenCount": 300}],
            "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 120}, {"modality": "TEXT", "tokenCount": 30}],
        },
        Usage(input=120, cache_read=30, cache_read_audio=120, input_audio=180, output=30, reasoning=70),
    ),
    Case(
        "gemini-python-image-out",
        "gcp.vertex_ai",
        {
            "prompt_token_count": 9,
            "candidates_token_count": 1300,
            "total_token_count": 1309,
            "candidates_tokens_details": [{"modality": "IMAGE", "token_count": 1290}],
        },
        Usage(input=9, output=10, output_image=1290),
    ),
    Case(
        "gemini-cached-image",
        "gcp.gemini",
        {
            "promptTokenCount": 300,
            "cachedContentTokenCount": 258,
            "candidatesTokenCount": 5,
            "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": 258}, {"modality": "TEXT", "tokenCount": 42}],
            "cacheTokensDetails": [{"modality": "IMAGE", "tokenCount": 258}],
            "totalTokenCount": 305,
        },
        Usage(input=42, cache_read_image=258, output=5),
    ),
    Case(
        "deepseek",
        "deepseek",
        {
            "prompt_tokens": 100,
            "completion_tokens": 40,
            "total_tokens": 140,
            "prompt_cache_hit_tokens": 64,
            "prompt_cache_miss_tokens": 36,
            "completion_tokens_details": {"reasoning_tokens": 25},
        },
        Usage(input=36, cache_read=64, output=15, reasoning=25),
    ),
    Case(
        "the-first-of-two-paths-counts",
        "deepseek",
        {
            "prompt_cache_hit_tokens": 60,
            "prompt_tokens_details": {"cached_tokens": 64},
            "cached_tokens": 62,
            "prompt_tokens": 100,
        },
        Usage(input=36, cache_read=64),
    ),
    Case(
        "all-input-from-the-cache",
        "openai",
        {"prompt_tokens": 100, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 100}},
        Usage(cache_read=100, output=1),
    ),
    Case(
        "nova-without-total",
        "aws.bedrock",
        {"inputTokenCount": 700, "outputTokenCount": 3, "cacheReadInputTokenCount": 600},
        Usage(input=700, cache_read=600, output=3),
    ),
    Case(
        "xai-reasoning-on-top",
        "x_ai",
        {
            "prompt_tokens": 60,
            "completion_tokens": 4,
            "reasoning_tokens": 96,
            "total_tokens": 160,
            "cached_prompt_text_tokens": 32,
            "server_side_tools_used": ["SERVER_SIDE_TOOL_WEB_SEARCH", "SERVER_SIDE_TOOL_WEB_SEARCH", "OTHER"],
        },
        Usage(input=28, cache_read=32, output=4, reasoning=96, web_searches=2),
    ),
    Case(
        "xai-responses-reasoning-inside",
        "x_ai",
        {
            "input_tokens": 60,
            "output_tokens": 100,
            "output_tokens_details": {"reasoning_tokens": 96},
            "total_tokens": 160,
        },
        Usage(input=60, output=4, reasoning=96),
        api="responses",
    ),
    Case(
        "groq-with-times",
        "groq",
        {"queue_time": 0.1, "prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14, "total_time": 0.5},
        Usage(input=11, output=3),
    ),
    Case("mistral", "mistral_ai", {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11}, Usage(5, output=6)),
    Case(
        "openrouter",
        "openrouter",
        {
            "prompt_tokens": 500,
            "completion_tokens": 10,
            "total_tokens": 510,
            "cost": 0.001,
            "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 300},
            "server_tool_use_details": {"web_search_requests": 1},
        },
        Usage(input=100, cache_read=100, cache_write_5m=300, output=10, web_searches=1),
    ),
    Case(
        "cohere-bills-units-not-tokens",
        "cohere",
        {
            "billed_units": {"input_tokens": 50.0, "output_tokens": 8},
            "tokens": {"input_tokens": 900, "output_tokens": 9},
        },
        Usage(input=50, output=8),
    ),
    Case("cohere-rerank", "cohere", {"meta": {"billed_units": {"search_units": 1}}}, Usage(rerank_searches=1)),
    Case("nothing", "openai", {}, Usage()),
    Case(
        "total-shows-that-cache-comes-on-top",
        "openai",
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 95,
            "prompt_tokens_details": {"cached_tokens": 80},
        },
        Usage(input=10, cache_read=80, output=5),
    ),
    Case(
        "more-cached-than-read-is-clamped",
        "x_ai",
        {"prompt_tokens": 676, "completion_tokens": 4, "total_tokens": 680, "cached_prompt_text_tokens": 960},
        Usage(cache_read=676, output=4),
        notes=("details of 960 input tokens exceed the 676 reported",),
    ),
    Case(
        "more-reasoning-than-output-is-clamped",
        "openai",
        {"prompt_tokens": 1, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 9}},
        Usage(input=1, reasoning=5),
        notes=("details of 9 output tokens exceed the 5 reported",),
    ),
    Case(
        "negative-and-absurd-are-no-counts",
        "openai",
        {"prompt_tokens": -4, "completion_tokens": 10**30},
        Usage(),
        notes=(
            "prompt_tokens is -4, which is no count",
            "completion_tokens is int, which is no count",
        ),
    ),
    Case(
        "a-total-that-does-not-add-up-is-noted",
        "openai",
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 99},
        Usage(input=10, output=5),
        notes=("the total of 99 tokens is not the sum of 10 input and 5 output",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_reads_disjoint_buckets(case: Case) -> None:
    reading = read(case.payload, provider=case.provider, api=case.api)
    assert reading.usage == case.expected
    assert case.expected == read_usage(case.payload, provider=case.provider, api=case.api)
    if case.notes:
        assert reading.notes == case.notes


def test_anthropic_bills_every_iteration_and_an_advisor_under_its_own_model() -> None:
    payload = {
        "input_tokens": 200,
        "output_tokens": 5,
        "cache_read_input_tokens": 0,
        "server_tool_use": {"web_search_requests": 1},
        "iterations": [
            {"type": "compaction", "input_tokens": 9000, "output_tokens": 100, "cache_creation_input_tokens": 50},
            {"type": "advisor_message", "model": "claude-opus-4-6", "input_tokens": 300, "output_tokens": 40},
            {"type": "message", "input_tokens": 200, "output_tokens": 5},
            {"type": "message", "input_tokens": 0, "output_tokens": 0},
        ],
    }
    assert read(payload, provider="anthropic").parts == (
        Part(Usage(input=9000, cache_write_5m=50, output=100)),
        Part(Usage(input=300, output=40), "claude-opus-4-6"),
        Part(Usage(input=200, output=5)),
        Part(Usage(web_searches=1)),
    )


@pytest.mark.parametrize("iterations", [[], None, "x", [None], [{}], [{"input_tokens": 1}]], ids=str)
def test_iterations_that_say_less_than_the_totals_do_not_replace_them(iterations: object) -> None:
    payload = {"input_tokens": 200, "output_tokens": 5, "iterations": iterations}
    assert read_usage(payload, provider="anthropic") == Usage(input=200, output=5)


ODD_VALUES: list[object] = [
    None,
    True,
    -1,
    0,
    3,
    7.5,
    float("nan"),
    float("inf"),
    "12",
    "x",
    [],
    [1],
    {},
    {"a": 1},
    10**40,
    10**5000,
]
KEYS = sorted(
    {
        path
        for dialect in (ANTHROPIC, BEDROCK, COHERE, GEMINI, GEMINI_PYTHON, OPENAI, XAI)
        for paths in dialect.paths.values()
        for path in paths
    }
)


def _random_payload(random: Random) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    for path in random.sample(KEYS, k=random.randint(0, 12)):
        *parents, last = (step for step in path if "=" not in step)
        here = payload
        for step in parents:
            here = here.setdefault(step, {}) if isinstance(here.get(step, {}), dict) else {}
        here[last] = random.choice(ODD_VALUES) if random.random() < 0.3 else random.randint(0, 5000)
    return payload


@pytest.mark.parametrize("seed", range(300))
def test_no_payload_raises_or_gives_a_negative_bucket(seed: int) -> None:
    random = Random(seed)
    usage = read_usage(_random_payload(random), provider=random.choice(["openai", "anthropic", "x_ai", "?"]))
    assert all(isinstance(count, int) and count >= 0 for count in (getattr(usage, bucket) for bucket in BUCKETS))


@pytest.mark.parametrize(
    ("payload", "known"),
    [
        ({}, None),
        ({"credits": 3}, None),
        ({"prompt_tokens": None}, None),
        ({"prompt_tokens": -1}, None),
        ({"billed_units": {}, "api_version": {"version": "1"}}, None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage()),
        ({"total_tokens": 0}, Usage()),
        ({"billed_units": {"input_tokens": 0.0}}, Usage()),
        ({"prompt_tokens": -1, "completion_tokens": 2}, Usage(output=2)),
    ],
)
def test_a_zero_is_a_count_and_nothing_is_none(payload: dict[str, Any], known: Usage | None) -> None:
    assert read(payload, provider="").known == known
