"""Corrections, service tiers and regions over the price list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from spanmeter.pricing import PriceBook, PriceKey, Usage

MILLION = Usage(input=1_000_000, cache_read=1_000_000, output=1_000_000)


@dataclass(frozen=True)
class Case:
    """`prices` are those of a million tokens of input, of cached input and of output."""

    id: str
    key: PriceKey
    at: str
    prices: tuple[str, str, str]


CHAT = PriceKey("deepseek", "deepseek-chat")
CASES = [
    Case("deepseek-by-day", CHAT, "2025-07-01T16:29", ("0.27", "0.07", "1.1")),
    Case("deepseek-at-night", CHAT, "2025-07-01T16:30", ("0.135", "0.035", "0.55")),
    Case("deepseek-an-hour-before-the-change", CHAT, "2025-09-05T15:00", ("0.27", "0.07", "1.1")),
    Case("deepseek-after-the-change-at-16", CHAT, "2025-09-05T16:00", ("0.56", "0.07", "1.68")),
    Case("deepseek-without-nights", CHAT, "2025-09-06T20:00", ("0.56", "0.07", "1.68")),
    Case("deepseek-3.2", CHAT, "2025-09-29T00:00", ("0.28", "0.028", "0.42")),
    Case("deepseek-v4-under-the-old-name", CHAT, "2026-05-01T02:00", ("0.14", "0.0028", "0.28")),
    Case("deepseek-v4-before-cheaper-caching", CHAT, "2026-04-26T12:14", ("0.14", "0.028", "0.28")),
    Case("v4-had-no-peak", PriceKey("deepseek", "deepseek-v4-pro"), "2026-08-16T02:00", ("0.435", "0.003625", "0.87")),
    Case("v4-peak-on-friday", PriceKey("deepseek", "deepseek-v4-pro"), "2026-11-20T02:00", ("1.32", "0.044", "3.96")),
    Case("v4-on-saturday", PriceKey("deepseek", "deepseek-v4-pro"), "2026-11-21T02:00", ("0.66", "0.022", "1.98")),
    Case("price-cut", PriceKey("openai", "o3"), "2025-06-09T23:59", ("10", "2.5", "40")),
    Case("after-the-price-cut", PriceKey("openai", "o3"), "2025-06-10T00:00", ("2", "0.5", "8")),
    Case("tier-today", PriceKey("openai", "gpt-5", "", "priority"), "2026-11-01T00:00", ("2.5", "0.25", "20")),
    Case("tier-before-it-was-listed", PriceKey("openai", "gpt-5", "", "flex"), "2025-11-01", ("0.625", "0.0625", "5")),
    Case(
        "tier-in-proportion-to-the-price-of-its-time",
        PriceKey("openai", "o3", "", "flex"),
        "2025-05-01",
        ("5", "1.25", "20"),
    ),
    Case("tier-in-capitals", PriceKey("openai", "gpt-5", "", "Flex"), "2026-11-01", ("0.625", "0.0625", "5")),
    Case("standard-tier", PriceKey("openai", "gpt-5", "", "default"), "2026-11-01T00:00", ("1.25", "0.125", "10")),
    Case(
        "batch",
        PriceKey("anthropic", "claude-sonnet-4-5", "", "batch"),
        "2026-01-01",
        ("3", "0.3", "11.25"),
    ),
    Case(
        "residency",
        PriceKey("anthropic", "claude-opus-4-6", "", "", "us"),
        "2026-06-01",
        ("5.5", "0.55", "27.5"),
    ),
    Case(
        "batch-and-residency",
        PriceKey("anthropic", "claude-opus-4-6", "", "batch", "us"),
        "2026-06-01",
        ("2.75", "0.275", "13.75"),
    ),
    Case(
        "regional-vertex",
        PriceKey("gcp.vertex_ai", "claude-haiku-4-5@20251001", region="europe-west1"),
        "2026-06-01",
        ("1.1", "0.11", "5.5"),
    ),
    Case(
        "regional-vertex-before-there-was-a-premium",
        PriceKey("gcp.vertex_ai", "claude-3-5-haiku@20241022", region="us-east5"),
        "2026-01-01",
        ("0.8", "0.08", "4"),
    ),
    Case("fine-tuned", PriceKey("openai", "ft:gpt-4.1-mini-2025-04-14:a::b"), "2026-01-01", ("0.8", "0.2", "3.2")),
    Case("fine-tuned-cached", PriceKey("openai", "ft:gpt-4o-2024-08-06:a::b"), "2026-01-01", ("3.75", "1.875", "15")),
    Case("fine-tuned-base", PriceKey("openai", "ft:davinci-002:a::b"), "2026-01-01", ("12", "12", "12")),
    Case("context-in-the-name", PriceKey("aws", "claude-3-haiku-48k-20240307"), "2025-01-01", ("0.25", "0.25", "1.25")),
    Case(
        "long-input-on-bedrock",
        PriceKey("aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        "2026-01-01",
        ("6.6", "0.66", "24.75"),
    ),
    Case(
        "long-input-on-bedrock-anywhere",
        PriceKey("aws", "global.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        "2026-01-01",
        ("6", "0.6", "22.5"),
    ),
    Case("long-input", PriceKey("anthropic", "claude-sonnet-4-20250514"), "2026-01-01", ("6", "0.6", "22.5")),
    Case("before-long-inputs", PriceKey("anthropic", "claude-sonnet-4-20250514"), "2025-08-11", ("3", "0.3", "15")),
    Case("flex-on-bedrock", PriceKey("aws", "amazon.nova-pro-v1:0", "", "flex"), "2026-01-01", ("0.4", "0.1", "1.6")),
    Case("flex-at-google", PriceKey("google", "gemini-2.5-flash", "", "flex"), "2026-06-01", ("0.15", "0.015", "1.25")),
    Case(
        "priority-at-google",
        PriceKey("google", "gemini-2.5-flash", "", "priority"),
        "2026-06-01",
        ("0.54", "0.054", "4.5"),
    ),
    Case(
        "openai-in-europe", PriceKey("openai", "gpt-5.4-mini", region="eu"), "2026-06-01", ("0.825", "0.0825", "4.95")
    ),
    Case(
        "openai-in-europe-before-gpt-5.4",
        PriceKey("openai", "gpt-5", region="eu"),
        "2026-06-01",
        ("1.25", "0.125", "10"),
    ),
    Case("xai-in-the-us", PriceKey("xai", "grok-4.3", region="us"), "2026-06-01", ("2.75", "0.44", "5.5")),
    Case("priority-at-xai", PriceKey("xai", "grok-4.5", "", "priority"), "2026-07-10", ("8", "2", "24")),
    Case("routed-twice", PriceKey("openrouter", "openrouter/x-ai/grok-4"), "2025-11-02", ("3", "0.75", "15")),
    Case("routed", PriceKey("openrouter", "x-ai/grok-4"), "2025-11-02", ("3", "0.75", "15")),
    Case("retired-alias", PriceKey("x_ai", "grok-4-fast"), "2026-05-15T19:00", ("2.5", "0.4", "5")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_prices_of_a_million_tokens(book: PriceBook, case: Case) -> None:
    cost = book.cost(case.key, MILLION, at=datetime.fromisoformat(case.at).replace(tzinfo=UTC))
    assert [line.usd for line in cost.components] == [Decimal(price) for price in case.prices]


UNITS = {
    "free": (PriceKey("openrouter", "google/gemma-3-27b-it:free"), Usage(input=9, output=9), "0"),
    "moderation": (PriceKey("openai", "omni-moderation-latest"), Usage(input=9), "0"),
    "rerank-4": (PriceKey("cohere", "rerank-v4.0-pro"), Usage(rerank_searches=2), "0.005"),
    "rerank-on-bedrock": (PriceKey("aws.bedrock", "cohere.rerank-v3-5:0"), Usage(rerank_searches=1), "0.002"),
    "embedded-images": (PriceKey("cohere", "embed-english-v3.0"), Usage(input_images=3), "0.0003"),
    "embedded-image-tokens": (PriceKey("cohere", "embed-v4.0"), Usage(input=1000, input_image=1000), "0.00059"),
    "pixels": (PriceKey("voyageai", "voyage-multimodal-3"), Usage(input=100, input_pixels=2_000_000), "0.001212"),
    "pages": (PriceKey("mistral_ai", "mistral-ocr-2505"), Usage(pages=4), "0.004"),
    "audio-by-the-second": (PriceKey("openai", "whisper-1"), Usage(input_audio_seconds=45), "0.0045"),
    "audio-on-groq": (PriceKey("groq", "whisper-large-v3"), Usage(input_audio_seconds=3600), "0.111"),
    "characters": (PriceKey("openai", "tts-1"), Usage(input_characters=1000), "0.015"),
    "generated-images": (PriceKey("gcp.gemini", "imagen-4.0-generate-001"), Usage(output_images=4), "0.16"),
    "file-search": (PriceKey("openai", "gpt-5"), Usage(file_searches=2), "0.005"),
    "file-search-where-the-list-has-none": (PriceKey("openai", "gpt-4.1-nano"), Usage(file_searches=2), "0.005"),
    "code-interpreter": (PriceKey("openai", "o3"), Usage(code_executions=1), "0.03"),
    "x-search": (PriceKey("xai", "grok-4.5"), Usage(social_searches=2, search_sources=1), "0.035"),
    "citations": (PriceKey("perplexity", "sonar-deep-research"), Usage(citation_tokens=1000, web_searches=2), "0.012"),
    "little-read": (PriceKey("perplexity", "sonar"), Usage(input=1000, web_searches_low=1), "0.006"),
    "much-read": (PriceKey("perplexity", "sonar-pro"), Usage(input=1000, web_searches_high=1), "0.017"),
    "depth-not-told": (PriceKey("perplexity", "sonar-pro"), Usage(input=1000), "0.009"),
    "search-model": (PriceKey("openai", "gpt-4o-search-preview"), Usage(web_searches_high=1), "0.025"),
    "jamba": (PriceKey("ai21", "jamba-large-1.7"), Usage(input=1000, output=1000), "0.01"),
    "rerank-by-token": (PriceKey("voyageai", "rerank-2.5"), Usage(input=1_000_000), "0.05"),
    "rerank-by-search": (PriceKey("cohere", "rerank-v3.5"), Usage(rerank_searches=5), "0.01"),
    "audio": (PriceKey("openai", "gpt-4o-audio-preview"), Usage(input_audio=1000, output_audio=1000), "0.12"),
}


@pytest.mark.parametrize(("key", "usage", "usd"), UNITS.values(), ids=UNITS)
def test_prices_the_list_lacks(book: PriceBook, key: PriceKey, usage: Usage, usd: str) -> None:
    assert book.cost(key, usage, at=datetime(2026, 11, 20, tzinfo=UTC)).usd == Decimal(usd)


@pytest.mark.parametrize(
    ("model", "at", "usd"),
    [
        ("gpt-4o-search-preview", "2025-06-25T23:59", "0.05"),
        ("gpt-4o-search-preview", "2025-06-26T00:00", "0.025"),
        ("gpt-4o-mini-search-preview-2025-03-11", "2025-04-01T00:00", "0.03"),
    ],
)
def test_search_models_cost_by_what_they_read_in_their_first_months(
    book: PriceBook, model: str, at: str, usd: str
) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert book.cost(PriceKey("openai", model), Usage(web_searches_high=1), at=moment).usd == Decimal(usd)


@pytest.mark.parametrize(("day", "usd"), [("2024-12-16", "0.32"), ("2024-12-17", "0.1225")])
def test_the_first_snapshot_for_realtime_audio_was_dearer(book: PriceBook, day: str, usd: str) -> None:
    usage = Usage(input_audio=1000, cache_read_audio=1000, output_audio=1000)
    cost = book.cost(PriceKey("openai", "gpt-4o-realtime-preview"), usage, at=datetime.fromisoformat(day))
    assert cost.usd == Decimal(usd)


def test_what_fills_gaps_makes_no_model_known(book: PriceBook) -> None:
    cost = book.cost(PriceKey("openai", "gpt-nope"), Usage(web_searches=1), at=datetime(2026, 6, 1, tzinfo=UTC))
    assert (cost.usd, cost.reason) == (None, "no price for model 'gpt-nope' of provider 'openai'")


def test_a_factor_leaves_searches_alone(book: PriceBook) -> None:
    key = PriceKey("anthropic", "claude-opus-4-6", "", "batch", "us")
    cost = book.cost(key, Usage(input=1_000_000, web_searches=1), at=datetime(2026, 6, 1, tzinfo=UTC))
    assert [line.usd for line in cost.components] == [Decimal("2.75"), Decimal("0.01")]


def test_a_tier_without_a_known_price_is_unpriced(book: PriceBook) -> None:
    key = PriceKey("together", "mistralai/Mixtral-8x7B-Instruct-v0.1", "", "priority")
    cost = book.cost(key, Usage(input=1), at=datetime(2026, 6, 1, tzinfo=UTC))
    assert (cost.usd, cost.reason) == (None, f"no price for the priority tier of model {key.model!r}")


def test_an_empty_price_in_the_list_is_no_price(book: PriceBook) -> None:
    key = PriceKey("cerebras", "qwen-3-coder-480b")
    cost = book.cost(key, Usage(input=1), at=datetime(2026, 6, 1, tzinfo=UTC))
    assert (cost.usd, cost.reason) == (None, f"no price for input of model {key.model!r}")
