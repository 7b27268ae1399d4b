"""Budgets as applications define them."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import Any

import pytest

import spanmeter


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"limit_usd": 0.1}, "limit_usd=0.1 is not allowed; allowed: US dollars above 0"),
        ({"limit_usd": "1", "period": "year"}, "period='year' is not allowed; allowed: day, week, month"),
        ({"limit_usd": "1", "away": "wait"}, "away='wait' is not allowed; allowed: allow, stop"),
        ({"limit_usd": "1", "wait_s": -1}, "wait_s=-1 is not allowed; allowed: seconds from 0"),
        ({"limit_usd": "1", "action": "downgrade"}, "downgrade is missing"),
    ],
)
def test_what_is_not_allowed_is_said(terms: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        spanmeter.Budget("b", **terms)


def test_the_same_budget_twice_is_one() -> None:
    first = spanmeter.Budget("b", limit_usd="1")
    first._account.charge(10**11, request=None)
    again = spanmeter.Budget("b", limit_usd="2", action="warn")
    assert repr(again) == "<Budget 'b' period=day action=warn limit_usd=2, spent_usd=0.1, reserved_usd=0>"
    assert (first.spent_usd, again.spent_usd, first.definition.limit_usd) == (
        Decimal("0.1"),
        Decimal("0.1"),
        Decimal(2),
    )


def test_a_budget_tells_when_it_resets() -> None:
    assert spanmeter.Budget("total", limit_usd="1", period="total").resets_at is None
    resets_at = spanmeter.Budget("day", limit_usd="1", timezone="Asia/Tokyo").resets_at
    assert resets_at is not None
    assert (resets_at.tzinfo, resets_at.hour) == (UTC, 15)
