from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal

import pytest

from spanmeter.pricing.rates import Line, Rate, Rates, Schedule


def test_a_threshold_raises_the_price_only_when_it_is_exceeded() -> None:
    rate = Rate(Decimal(1), ((100, Decimal(2)), (200, Decimal(3))))
    assert [rate.price(tokens) for tokens in (0, 100, 101, 200, 201)] == [1, 1, 2, 2, 3]


def test_a_bucket_without_its_own_price_pays_that_of_the_wider_one() -> None:
    rates = Rates.of({"input_mtok": Rate(Decimal(2)), "cache_write_mtok": Rate(Decimal(3))})
    prices = {bucket: line.usd_per_mtok for bucket, line in rates.lines.items()}
    plain = dict.fromkeys(
        ("input", "cache_read", "input_audio", "cache_read_audio", "input_image", "cache_read_image"), Decimal(2)
    )
    assert prices == plain | {"cache_write_5m": Decimal(3), "cache_write_1h": Decimal(3)}


@pytest.mark.parametrize(
    ("key", "price", "bucket", "each"),
    [
        ("web_searches_kcount", "10", "web_searches", "0.01"),
        ("requests_kcount", "14", "web_searches_high", "0.014"),
        ("web_searches_high_kcount", "14", "web_searches_high", "0.014"),
        ("audio_hours", "0.36", "input_audio_seconds", "0.0001"),
        ("input_mchars", "15", "input_characters", "0.000015"),
        ("input_gpixels", "0.6", "input_pixels", "6E-10"),
        ("input_document_kpages", "1", "pages", "0.001"),
        ("compute_hours", "1", "compute_ms", "2.77777777778E-7"),
    ],
)
def test_prices_of_many_units_are_prices_of_one(key: str, price: str, bucket: str, each: str) -> None:
    rates = Rates.of({key: Rate(Decimal(price))})
    assert rates.lines[bucket] == Line(None, Decimal(each), Decimal(each))


def test_a_price_by_the_hour_keeps_18_decimal_places() -> None:
    rates = Rates.of({"audio_hours": Rate(Decimal("0.111"))})
    assert rates.lines["input_audio_seconds"].usd_each == Decimal("0.000030833333333333")


def test_one_threshold_decides_for_all_buckets() -> None:
    rates = Rates.of({"input_mtok": Rate(Decimal(1), ((100, Decimal(2)),)), "output_mtok": Rate(Decimal(5))})
    above = rates.lines_for(101)
    assert [above[bucket].usd_per_mtok for bucket in ("input", "output")] == [Decimal(2), Decimal(5)]
    assert rates.lines_for(100)["input"].usd_per_mtok == Decimal(1)


@pytest.mark.parametrize(("hour", "expected"), [(0, "night"), (7, "night"), (8, "day"), (23, "day")])
def test_a_schedule_changes_at_its_times(hour: int, expected: str) -> None:
    night, day = Rates(), Rates({"input": Line(None, None, Decimal(1))})
    schedule = Schedule(((time(0), night), (time(8), day)))
    found = schedule.at(datetime(2026, 1, 1, hour, tzinfo=UTC))
    assert found is {"night": night, "day": day}[expected]
