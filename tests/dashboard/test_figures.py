from __future__ import annotations

from decimal import Decimal

import pytest

from spanmeter_dashboard import figures


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        ("1234.5", "$1,234.50"),
        ("12.346", "$12.35"),
        ("1", "$1.00"),
        ("0.9999", "$0.9999"),
        ("0.99996", "$1.00"),
        ("0.25", "$0.2500"),
        ("0.01", "$0.0100"),
        ("0.00999", "$0.009990"),
        ("0.00033", "$0.000330"),
        ("0.000001", "$0.000001"),
        ("0.0000002", "<$0.000001"),
        ("0", "$0.00"),
        ("-0.00033", "-$0.000330"),
        ("-2", "-$2.00"),
        ("-0.0000002", "-<$0.000001"),
    ],
)
def test_money_has_as_many_decimals_as_its_size_needs(usd: str, text: str) -> None:
    assert figures.money(Decimal(usd)) == text


def test_unknown_money_is_a_dash_and_not_zero() -> None:
    assert figures.money(None) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("price", "unit", "text"),
    [
        ("0.0000025", "token", "$2.50 / 1M tokens"),
        ("0.000000075", "token", "$0.075 / 1M tokens"),
        ("0.000015", "token", "$15.00 / 1M tokens"),
        ("0.01", "search", "$0.01 / search"),
        (None, "token", "no price"),
    ],
)
def test_a_rate_is_written_as_price_lists_write_it(price: str | None, unit: str, text: str) -> None:
    assert figures.unit_price(None if price is None else Decimal(price), unit) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (1234, "1.2k"),
        (99_949, "99.9k"),
        (99_950, "100k"),
        (456_000, "456k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (3_400_000, "3.4M"),
        (2_100_000_000, "2.1B"),
    ],
)
def test_tokens_fit_a_narrow_column(number: int, text: str) -> None:
    assert figures.tokens(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0 ms"),
        (0.0004, "0.4 ms"),
        (0.00996, "10 ms"),
        (0.842, "842 ms"),
        (0.9996, "1.00 s"),
        (1.239, "1.24 s"),
        (12.34, "12.3 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.9, "1 h 00 min"),
        (3725, "1 h 02 min"),
    ],
)
def test_durations_carry_their_unit(seconds: float | None, text: str) -> None:
    assert figures.duration(seconds) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [(1, "100%"), (0.9999, ">99.9%"), (0.982, "98.2%"), (0.5, "50%"), (0.0004, "<0.1%"), (0, "0%")],
)
def test_a_share_is_100_percent_only_when_nothing_is_missing(part: float, text: str) -> None:
    assert figures.share(part) == text


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        pytest.param(112, 100, "+12%", id="up"),
        pytest.param(96, 100, "-4%", id="down"),
        pytest.param(0, 5, "-100%", id="gone"),
        pytest.param(100.2, 100, "±0%", id="the same"),
        pytest.param(Decimal(62), Decimal(2), "31x", id="many times"),
        pytest.param(5, 0, None, id="nothing before"),
        pytest.param(5, None, None, id="unknown before"),
        pytest.param(None, 5, None, id="unknown now"),
    ],
)
def test_a_change_needs_two_known_numbers(now: float | None, before: float | None, text: str | None) -> None:
    assert figures.change(now, before) == text


def test_counts_have_thousands_separators() -> None:
    assert figures.count(1234567) == "1,234,567"
