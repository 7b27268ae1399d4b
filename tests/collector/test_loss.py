"""What one process counted itself, as the store sums it up."""

from __future__ import annotations

from decimal import Decimal

import pytest

from spanmeter_collector.loss import Figures


@pytest.mark.parametrize(
    ("told", "usd"),
    [(0.1 + 0.2, "0.3"), (1e-12, "1e-12"), (17e15, "17000000000000000"), (1e300, "1e300")],
)
def test_a_sum_of_money_is_as_exact_as_its_counter(told: float, usd: str) -> None:
    row = {"told_calls": 1.0, "told_failed_calls": 0.0, "told_tokens": 2.0, "told_usd": told}
    assert Figures.of(row, "told") == Figures(calls=1, tokens=2, usd=Decimal(usd))
