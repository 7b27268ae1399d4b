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
    Case("routed", PriceKey("openrouter", "x-ai/grok-4"), "2025-11-02", ("3", "0.75", "15")),
    Case("retired-alias", PriceKey("x_ai", "grok-4-fast"), "2026-05-15T19:00", ("2.5", "0.4", "5")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_prices_of_a_million_tokens(book: PriceBook, case: Case) -> None:
    cost = book.cost(case.key, MILLION, at=datetime.fromisoformat(case.at).replace(tzinfo=UTC))
    assert [line.usd for line in cost.components] == [Decimal(price) for price in case.prices]


UNITS = {
    "rerank-by-token": (PriceKey("voyageai", "rerank-2.5"), Usage(input=1_000_000), "0.05"),
    "rerank-by-search": (PriceKey("cohere", "rerank-v3.5"), Usage(rerank_searches=5), "0.01"),
    "audio": (PriceKey("openai", "gpt-4o-audio-preview"), Usage(input_audio=1000, output_audio=1000), "0.12"),
}


@pytest.mark.parametrize(("key", "usage", "usd"), UNITS.values(), ids=UNITS)
def test_prices_the_list_lacks(book: PriceBook, key: PriceKey, usage: Usage, usd: str) -> None:
    assert book.cost(key, usage, at=datetime(2026, 11, 20, tzinfo=UTC)).usd == Decimal(usd)


def test_a_factor_leaves_searches_alone(book: PriceBook) -> None:
    key = PriceKey("anthropic", "claude-opus-4-6", "", "batch", "us")
    cost = book.cost(key, Usage(input=1_000_000, web_searches=1), at=datetime(2026, 6, 1, tzinfo=UTC))
    assert [line.usd for line in cost.components] == [Decimal("2.75"), Decimal("0.01")]


def test_a_tier_without_a_known_price_is_unpriced(book: PriceBook) -> None:
    key = PriceKey("together", "mistralai/Mixtral-8x7B-Instruct-v0.1", "", "priority")
    cost = book.cost(key, Usage(input=1), at=datetime(2026, 6, 1, tzinfo=UTC))
    assert (cost.usd, cost.reason) == (None, f"no price for the priority tier of model {key.model!r}")


def test_an_empty_price_in_the_list_is_no_price(book: PriceBook) -> None:
    key = PriceKey("openrouter", "google/gemma-3-27b-it:free")
    cost = book.cost(key, Usage(input=1), at=datetime(2026, 6, 1, tzinfo=UTC))
    assert (cost.usd, cost.reason) == (None, f"no price for input of model {key.model!r}")
