from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_UP, Context, Decimal, Inexact, localcontext
from itertools import product
from random import Random
from typing import Any

import pytest

from spanmeter.pricing import Component, Cost, PriceBook, PriceKey, Usage
from spanmeter.pricing.book import _bill, _picos
from spanmeter.pricing.rates import Line, Rates
from spanmeter.pricing.usage import BUCKETS, UNIT_BUCKETS

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINI = PriceKey("openai", "gpt-4o-mini")


@dataclass(frozen=True)
class Case:
    """`arithmetic` is (label, count, price per million or per unit)."""

    id: str
    key: PriceKey
    usage: Usage
    arithmetic: tuple[tuple[str, int, str], ...]
    usd: str
    at: datetime = NOON


CASES = [
    Case(
        "cached-and-reasoning",
        PriceKey("openai", "gpt-5"),
        Usage(input=1000, cache_read=4000, output=100, reasoning=900),
        (("input", 1000, "1.25"), ("cache_read", 4000, "0.125"), ("output", 100, "10"), ("reasoning", 900, "10")),
        "0.01175",
    ),
    Case(
        "cache-lifetimes",
        PriceKey("anthropic", "claude-sonnet-4-5-20250929"),
        Usage(input=10, cache_read=2000, cache_write_5m=400, cache_write_1h=300, output=50),
        (
            ("input", 10, "3"),
            ("cache_read", 2000, "0.3"),
            ("cache_write_5m", 400, "3.75"),
            ("cache_write_1h", 300, "6"),
            ("output", 50, "15"),
        ),
        "0.00468",
    ),
    Case(
        "audio-in",
        PriceKey("gcp.gemini", "models/gemini-2.5-flash"),
        Usage(input=100, input_audio=1000, output=10),
        (("input", 100, "0.3"), ("input_audio", 1000, "1"), ("output", 10, "2.5")),
        "0.001055",
    ),
    Case(
        "image-in-pays-the-text-price-where-none-is-listed",
        PriceKey("gcp.gemini", "gemini-2.5-flash"),
        Usage(input_image=258),
        (("input_image", 258, "0.3"),),
        "0.0000774",
    ),
    Case(
        "up-to-the-threshold",
        PriceKey("gcp.vertex_ai", "gemini-2.5-pro"),
        Usage(input=150_000, cache_read=50_000),
        (("input", 150_000, "1.25"), ("cache_read", 50_000, "0.125")),
        "0.19375",
    ),
    Case(
        "cached-tokens-count-towards-the-threshold",
        PriceKey("gcp.vertex_ai", "gemini-2.5-pro"),
        Usage(input=150_000, cache_read=50_001, output=10),
        (("input", 150_000, "2.5"), ("cache_read", 50_001, "0.25"), ("output", 10, "15")),
        "0.38765025",
    ),
    Case(
        "web-search",
        PriceKey("anthropic", "claude-opus-4-6"),
        Usage(input=1000, web_searches=3),
        (("input", 1000, "5"), ("web_searches", 3, "0.01")),
        "0.035",
    ),
    Case(
        "input-of-several-rounds-is-not-one-long-input",
        PriceKey("anthropic", "claude-sonnet-4-5"),
        Usage(input=300_000, web_searches=1),
        (("input", 300_000, "3"), ("web_searches", 1, "0.01")),
        "0.91",
    ),
    Case(
        "regional-bedrock-is-a-tenth-dearer",
        PriceKey("aws.bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        Usage(input=1000),
        (("input", 1000, "3.3"),),
        "0.0033",
    ),
    Case(
        "embedding",
        PriceKey("openai", "text-embedding-3-small"),
        Usage(input=1),
        (("input", 1, "0.02"),),
        "0.00000002",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bills_by_bucket(book: PriceBook, case: Case) -> None:
    cost = book.cost(case.key, case.usage, at=case.at)
    shown = tuple((line.label, line.count, str(_price(line).normalize())) for line in cost.components)
    assert shown == tuple((label, count, str(Decimal(price).normalize())) for label, count, price in case.arithmetic)
    assert (cost.usd, cost.grade, cost.reason) == (Decimal(case.usd), "computed", "")


def _price(line: Component) -> Decimal:
    price = line.usd_per_unit if line.usd_per_mtok is None else line.usd_per_mtok
    assert price is not None
    return price


def test_a_reported_cost_goes_before_list_prices(book: PriceBook) -> None:
    usd = Decimal("0.0123")
    cost = book.cost(MINI, Usage(input=5), at=NOON, reported_usd=usd)
    assert cost == Cost(usd, "reported", (Component("reported", 1, None, usd, usd),), book.version)


@pytest.mark.parametrize("usd", ["-1", "NaN", "sNaN", "Infinity", "1e40"])
def test_an_absurd_reported_cost_does_not(book: PriceBook, usd: str) -> None:
    cost = book.cost(MINI, Usage(input=1_000_000), at=NOON, reported_usd=Decimal(usd))
    assert (cost.usd, cost.grade) == (Decimal("0.15"), "computed")


def test_estimated_usage_gives_an_estimated_cost(book: PriceBook) -> None:
    assert book.cost(MINI, Usage(input=1_000_000), at=NOON, estimated=True).grade == "estimated"


def test_an_unknown_model_is_unpriced_with_its_counts(book: PriceBook) -> None:
    components = (Component("input", 7, None, None, None), Component("output", 2, None, None, None))
    reason = "no price for model 'gpt-nope' of provider 'openai'"
    cost = book.cost(PriceKey("openai", "gpt-nope"), Usage(input=7, output=2), at=NOON)
    assert cost == Cost(None, "unpriced", components, book.version, reason)


def test_one_bucket_without_a_price_makes_the_cost_unknown(book: PriceBook) -> None:
    cost = book.cost(MINI, Usage(input=1, rerank_searches=1), at=NOON)
    assert (cost.usd, cost.reason) == (None, "no price for rerank_searches of model 'gpt-4o-mini'")


def test_no_usage_is_unknown_not_free(book: PriceBook) -> None:
    assert book.cost(MINI, Usage(), at=NOON) == Cost(None, "unpriced", (), book.version, "no usage was reported")


@pytest.mark.parametrize("provider", ["", "nobody", "litellm"])
def test_an_unknown_provider_is_unpriced(book: PriceBook, provider: str) -> None:
    assert book.cost(PriceKey(provider, "llama-3"), Usage(input=1), at=NOON).grade == "unpriced"


def test_a_fee_per_request_is_a_component(book: PriceBook) -> None:
    (*_, fee) = book.cost(PriceKey("perplexity", "sonar-pro"), Usage(input=1), at=NOON).components
    assert (fee.label, fee.count, fee.usd) == ("requests", 1, fee.usd_per_unit)


@pytest.mark.parametrize("seed", range(100))
def test_the_cost_is_exactly_the_sum_of_its_components(book: PriceBook, seed: int) -> None:
    random = Random(seed)
    names = [("openai", "gpt-4o-mini"), ("gcp.gemini", "gemini-2.5-pro"), ("anthropic", "claude-opus-4-6"), ("x", "y")]
    counts = {bucket: random.choice([0, 1, 999, 10**7]) for bucket in BUCKETS if bucket not in UNIT_BUCKETS}
    cost = book.cost(PriceKey(*random.choice(names)), Usage(**counts), at=NOON)
    lines = [line.usd for line in cost.components]
    assert {line.label: line.count for line in cost.components} == {name: n for name, n in counts.items() if n}
    if cost.usd is None:
        assert cost.grade == "unpriced"
    else:
        assert sum(usd for usd in lines if usd is not None) == cost.usd
        assert all(usd is not None and usd == usd.quantize(Decimal("1e-12")) and usd > 0 for usd in lines)


@pytest.mark.parametrize("zone", [UTC, None, timezone(timedelta(hours=8))], ids=str)
@pytest.mark.parametrize("reported", [None, Decimal("0.0123"), Decimal(-1)], ids=str)
def test_an_amount_is_the_cost_without_its_arithmetic(
    book: PriceBook, zone: timezone | None, reported: Decimal | None
) -> None:
    keys = [case.key for case in CASES] + [PriceKey("x", "y"), PriceKey("perplexity", "sonar-pro")]
    usages = [case.usage for case in CASES] + [Usage(), Usage(input=1, rerank_searches=1), Usage(output=7, reasoning=3)]
    for key, usage in product(keys, usages):
        known: dict[str, Any] = {"at": NOON.replace(tzinfo=zone), "reported_usd": reported, "estimated": True}
        cost = book.cost(key, usage, **known)
        amount = book.amount(key, usage, **known)
        assert (str(amount.usd), amount.grade) == (str(cost.usd), cost.grade)


@pytest.mark.parametrize(
    ("usd_each", "count", "expected"),
    [
        ("1.5e-13", 3, "0"),
        ("1.5e-12", 3, "4"),
        ("1.5e-12", 1, "2"),
        ("0.5e-12", 1, "0"),
        ("1.51e-12", 1, "2"),
        ("1.5e-19", 1, None),
    ],
)
def test_an_amount_of_many_decimal_places_is_rounded_as_the_cost_is(
    usd_each: str, count: int, expected: str | None
) -> None:
    rates = Rates({"input": Line(None, None, Decimal(usd_each))})
    rounded = None if expected is None else int(expected)
    assert _picos(rates, Usage(input=count), None) == rounded
    _, total, _ = _bill(rates, Usage(input=count), None)
    assert rounded is None or total == Decimal(rounded).scaleb(-12)


def test_a_naive_time_is_utc_and_another_zone_is_converted(book: PriceBook) -> None:
    night = datetime(2025, 7, 1, 16, 30, tzinfo=UTC)
    times = [night, night.replace(tzinfo=None), night.astimezone(timezone(timedelta(hours=8)))]
    usage = Usage(input=1_000_000)
    costs = {book.cost(PriceKey("deepseek", "deepseek-chat"), usage, at=at).usd for at in times}
    assert costs == {Decimal("0.135")}


def test_the_application_s_decimal_context_does_not_matter() -> None:
    key, usage = PriceKey("anthropic", "claude-sonnet-4-6"), Usage(cache_write_5m=123_457, output=89)
    with localcontext(Context(prec=2, rounding=ROUND_UP, traps=[Inexact])):
        cost = PriceBook.load().cost(key, usage, at=NOON)
    assert cost.usd == Decimal("0.46296375") + Decimal("0.001335")


def test_many_threads_get_the_same_answer() -> None:
    fresh = PriceBook.load()
    keys = [PriceKey("openai", f"gpt-4o-mini-{number}") for number in range(40)] + [MINI] * 40
    with ThreadPoolExecutor(8) as pool:
        costs = list(pool.map(lambda key: fresh.cost(key, Usage(input=1_000_000), at=NOON).usd, keys))
    assert costs[40:] == [Decimal("0.15")] * 40


def test_swapping_the_global_price_book_changes_nothing() -> None:
    script = """
import genai_prices
from genai_prices.data_snapshot import DataSnapshot, set_custom_snapshot
from datetime import datetime, UTC
from spanmeter.pricing import PriceBook, PriceKey, Usage
before = PriceBook.load()
set_custom_snapshot(DataSnapshot(providers=[], from_auto_update=True))
after = PriceBook.load()
at = datetime(2026, 11, 20, tzinfo=UTC)
print([str(book.cost(PriceKey("openai", "gpt-4o"), Usage(input=10**6), at=at).usd) for book in (before, after)])
"""
    assert _python(script) == "['2.500000000000', '2.500000000000']"


def test_importing_is_cheap_and_loading_opens_no_socket() -> None:
    script = """
import sys
import spanmeter.pricing
heavy = {"genai_prices", "pydantic", "httpx2"}
print(sorted(heavy & sys.modules.keys()))
import socket
def refuse(*arguments, **options): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
spanmeter.pricing.PriceBook.load()
print("genai_prices" in sys.modules)
"""
    assert _python(script) == "[]\nTrue"


def _python(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.strip()
