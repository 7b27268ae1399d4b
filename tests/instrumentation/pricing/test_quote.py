from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from spanmeter.pricing import PriceBook, PriceKey
from spanmeter.pricing.listing import Listing
from spanmeter.pricing.overlay import Overlay
from spanmeter.pricing.price_file import parse_prices
from spanmeter.pricing.quote import Quote, QuotedPrice, near, quotes

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LIST = "genai-prices 0.2.3"
OWN = """
[[price]]
provider = "vllm"
model = "llama-*"
usd_per_gpu_hour = 3.6
[[alias]]
provider = "azure"
model = "prod"
to_model = "gpt-4o"
"""


@pytest.fixture(scope="module")
def listing() -> Listing:
    return Listing(Overlay.load(), parse_prices(OWN.encode(), name="prices.toml"))


def _shown(prices: tuple[QuotedPrice, ...]) -> dict[str, str]:
    return {price.buckets[0]: f"{price.usd:f}" for price in prices}


def test_a_quote_has_prices_with_their_sources_tiers_and_regions(listing: Listing) -> None:
    key = PriceKey("anthropic", "claude-opus-4-6")
    (quote,) = quotes(listing, key, AT)
    assert quote.prices[:3] == (
        QuotedPrice(("input", "input_audio", "input_image"), True, Decimal(5), (), LIST),
        QuotedPrice(("cache_read", "cache_read_audio", "cache_read_image"), True, Decimal("0.5"), (), LIST),
        QuotedPrice(("cache_write_5m",), True, Decimal("6.25"), (), LIST),
    )
    assert (quote.key, quote.provider, quote.name, quote.alias) == (key, "anthropic", "claude-opus-4-6", "")
    tiers = {tier: _shown(prices) for tier, prices in quote.tiers}
    assert tiers["batch"] == {
        "input": "2.5",
        "cache_read": "0.25",
        "cache_write_5m": "3.125",
        "cache_write_1h": "5",
        "output": "12.5",
    }
    assert [(region, factor) for region, factor, _ in quote.regions] == [("us", Decimal("1.1"))]


def test_steps_are_shown_with_their_thresholds(listing: Listing) -> None:
    (quote,) = quotes(listing, PriceKey("google", "gemini-2.5-pro"), AT)
    assert quote.prices[0].steps == ((200_000, Decimal("2.5")),)


def test_the_source_of_a_correction_tells_its_dates_and_where_it_is_published(listing: Listing) -> None:
    (quote,) = quotes(listing, PriceKey("openai", "o3"), datetime(2025, 6, 1, tzinfo=UTC))
    (cached,) = [price for price in quote.prices if price.buckets[0] == "cache_read"]
    assert cached.source == "overlay until 2025-06-10 (https://openai.com/api/pricing (April 2025))"


def test_an_alias_names_its_line(listing: Listing) -> None:
    (quote,) = quotes(listing, PriceKey("azure", "prod"), AT)
    assert (quote.name, quote.alias, _shown(quote.prices)["input"]) == ("gpt-4o", "prices.toml:6", "2.5")


def test_time_is_quoted_by_the_millisecond(listing: Listing) -> None:
    (quote,) = quotes(listing, PriceKey("", "llama-3"), AT)
    assert quote.prices == (QuotedPrice(("compute_ms",), False, Decimal("0.000001"), (), "prices.toml:2"),)


def test_without_a_provider_all_that_have_the_model_are_quoted(listing: Listing) -> None:
    found = {quote.key.provider for quote in quotes(listing, PriceKey("", "gpt-4o"), AT)}
    assert {"openai", "azure"} <= found
    assert "anthropic" not in found


def test_an_unknown_model_is_quoted_without_prices_and_with_the_reason(listing: Listing) -> None:
    key = PriceKey("openai", "gpt-4oo")
    reason = "no price for model 'gpt-4oo' of provider 'openai'"
    assert quotes(listing, key, AT) == [Quote(key, "openai", "gpt-4oo", "", (), reason=reason)]
    assert near(listing, key)[0] == "gpt-4o"
    assert near(listing, PriceKey("", "zzzzzzzz")) == []


def test_what_is_quoted_is_what_is_charged(book: PriceBook) -> None:
    for name in ("gpt-4o", "gemini-2.5-pro", "claude-opus-4-6", "sonar-pro"):
        for quote in quotes(book.listing, PriceKey("", name), AT):
            lines = book._schedule(quote.key, AT.date()).at(AT).lines
            charged = {
                bucket: line.usd_per_unit if line.usd_per_mtok is None else line.usd_per_mtok
                for bucket, line in lines.items()
            }
            assert {bucket: price.usd for price in quote.prices for bucket in price.buckets} == charged


def test_a_platform_is_quoted_beside_its_provider_where_its_price_differs(book: PriceBook) -> None:
    sold = {
        name: [quote.provider for quote in quotes(book.listing, PriceKey("", name), AT)]
        for name in ("gemini-2.0-flash", "gemini-2.5-pro")
    }
    assert sold == {"gemini-2.0-flash": ["google", "google-vertex"], "gemini-2.5-pro": ["google"]}
    assert quotes(book.listing, PriceKey("gcp.vertex_ai", "gemini-2.5-pro"), AT)[0].provider == "google"
