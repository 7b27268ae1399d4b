from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from spanmeter.pricing import Cost, PriceBook, PriceKey, Usage
from spanmeter.pricing.cost import together
from spanmeter.pricing.money import MONEY
from spanmeter.pricing.rates import Line, Rates
from spanmeter.pricing.usage import BUCKETS
from spanmeter.pricing.whole import WholeCost, whole_bill, whole_together

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OWN = """
[[price]]
provider = "openai"
model = "gpt-4o-mini"
tenant = "acme"
over_reported = true
usd_per_mtok = { input = 0.333333333333, output = 0.1234567890123 }

[[price]]
provider = "own"
model = "by-time"
usd_per_gpu_hour = 3.7
usd_per_mtok = { cache_read = 0.01 }
"""
MODELS = [
    ("openai", "gpt-4o-mini"),
    ("openai", "gpt-5"),
    ("anthropic", "claude-sonnet-4-5-20250929"),
    ("anthropic", "claude-opus-4-6"),
    ("gcp.gemini", "gemini-2.5-pro"),
    ("deepseek", "deepseek-chat"),
    ("perplexity", "sonar-pro"),
    ("perplexity", "sonar-deep-research"),
    ("cohere", "rerank-v3.5"),
    ("own", "by-time"),
    ("x", "y"),
]
REPORTED = [None, None, None, "0", "0.0123", "0.12345678901234567", "-1", "999999999999.5", "NaN"]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> list[PriceBook]:
    own = Path(tmp_path_factory.mktemp("prices"), "prices.toml")
    own.write_text(OWN, encoding="utf-8")
    return [PriceBook.load(prices=""), PriceBook.load(prices=own)]


def drawn(random: Random) -> tuple[PriceKey, Usage, dict[str, Any]]:
    """A call of one of the models, with few buckets filled or with any."""
    tier, region = random.choice(["", "", "batch", "flex", "priority", "?"]), random.choice(["", "", "us", "eu"])
    key = PriceKey(*random.choice(MODELS), "", tier, region, random.choice(["", "acme", "other"]))
    some = ("input", "cache_read", "output", "reasoning")
    counts = {bucket: random.choice([0, 1, 7, 999, 128_001, 10**12]) for bucket in random.choice([some, some, BUCKETS])}
    reported = random.choice(REPORTED)
    known = {
        "at": NOON - timedelta(minutes=random.randrange(600_000)),
        "reported_usd": None if reported is None else Decimal(reported),
        "estimated": random.random() < 0.3,
    }
    return key, Usage(**{bucket: count for bucket, count in counts.items() if random.random() < 0.7}), known


def text(cost: WholeCost) -> list[str]:
    """A bill as text: the sum, the grade, and label, count, price and amount of what has any."""
    usd = [None if picos is None else Decimal(picos).scaleb(-12, MONEY) for picos in (cost.picos, *cost.amounts)]
    each = [None if attos is None else Decimal(attos).scaleb(-18, MONEY).normalize(MONEY) for attos in cost.attos]
    lines = zip(cost.labels, cost.counts, each, usd[1:], strict=True)
    return [f"{usd[0]} {cost.grade}", *(" ".join(map(str, line)) for line in lines)]


def expected(cost: Cost, usage: Usage) -> list[str]:
    """The same of an exact cost, and of the usage that it has no component for."""
    lines = []
    for component in cost.components:
        each = component.usd_per_unit
        if component.usd_per_mtok is not None:
            each = component.usd_per_mtok.scaleb(-6, MONEY)
        each = None if each is None else each.quantize(Decimal("1e-18"), context=MONEY).normalize(MONEY)
        lines.append((component.label, component.count, each, None if cost.usd is None else component.usd))
    billed = {component.label for component in cost.components}
    free = None if cost.usd is None else Decimal("0E-12")
    lines += [(label, count, None, free) for label, count in usage.filled() if label not in billed]
    return [f"{cost.usd} {cost.grade}", *(" ".join(map(str, line)) for line in lines)]


@pytest.mark.parametrize("seed", range(15))
def test_a_bill_in_whole_numbers_says_what_the_exact_one_says(books: list[PriceBook], seed: int) -> None:
    random = Random(seed)
    for book in books * 50:
        key, usage, known = drawn(random)
        duration_ns = random.choice([None, 0, 1, 1_499_999, 1_500_000, 700_000_000])
        duration_s = None if duration_ns is None else Decimal(duration_ns).scaleb(-9)
        exact = book.cost(key, usage, duration_s=duration_s, **known)
        assert text(book.whole(key, usage, duration_ns=duration_ns, **known)) == expected(exact, usage), (key, known)


@pytest.mark.parametrize("seed", range(10))
def test_parts_in_whole_numbers_are_together_what_the_exact_ones_are(books: list[PriceBook], seed: int) -> None:
    random = Random(seed)
    parts = [drawn(random) for _ in range(3)]
    exact = [books[0].cost(key, usage, **known) for key, usage, known in parts]
    whole = whole_together([books[0].whole(key, usage, **known) for key, usage, known in parts])
    sums = together(exact)
    assert text(whole)[0] == f"{sums.usd} {sums.grade}"
    assert len(whole.labels) == sum(
        len(expected(cost, usage)) - 1 for cost, (_, usage, _) in zip(exact, parts, strict=True)
    )


def test_a_price_of_more_places_than_are_kept_is_rounded_after_it_is_multiplied() -> None:
    rates = Rates({"input": Line(None, None, Decimal("1.5000000000000000015e-12"))})
    assert whole_bill(rates, Usage(input=10**9), None).amounts == [1_500_000_000]
    assert whole_bill(rates, Usage(input=10**18 + 1), None).amounts == [1_500_000_000_000_000_003]
    assert whole_bill(rates, Usage(input=1), None).attos == [1_500_000]
