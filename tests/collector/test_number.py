from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spanmeter_collector.number import count, dollars, nanoseconds

NO_NUMBERS = ["", "free", "1e400", float("nan"), float("inf"), True, None, -1, "-1", ["1"]]


@pytest.mark.parametrize(
    ("said", "counted"), [(7, 7), ("7", 7), (" 7 ", 7), (7.0, 7), ("7.9", 7), (10**12, 10**12), ("1e3", 1000)]
)
def test_a_count_is_read_however_it_is_written(said: Any, counted: int) -> None:
    assert count(said) == counted


@pytest.mark.parametrize("said", [*NO_NUMBERS, 10**12 + 1, "1000000000001"])
def test_what_no_call_can_have_used_is_no_count(said: Any) -> None:
    assert count(said) is None


def test_an_amount_keeps_every_digit() -> None:
    assert [dollars("0.000000000001"), dollars(0.1), dollars(2)] == [Decimal("0.000000000001"), Decimal("0.1"), 2]


@pytest.mark.parametrize("said", NO_NUMBERS)
def test_what_is_no_number_is_no_amount_and_no_time(said: Any) -> None:
    assert (dollars(said), nanoseconds(said)) == (None, 0)


def test_seconds_are_told_in_nanoseconds() -> None:
    assert [nanoseconds(0.25), nanoseconds("1e-9"), nanoseconds(10**6 + 1)] == [250_000_000, 1, 0]
