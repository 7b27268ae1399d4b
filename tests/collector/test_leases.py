"""Leases: holders together never get more than the limit, and what nobody uses comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest

from spanmeter.budget_definition import BudgetDefinition
from spanmeter_collector.budget import CODE, Budget, BudgetTime
from spanmeter_collector.lease import Ask
from spanmeter_collector.leases import Clock, Leases
from spanmeter_collector.store import Store

NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
ZERO: Final = Decimal(0)


@dataclass
class Hands:
    """A wall clock and one that nobody sets, both moved by the test."""

    now: datetime = NOON
    at: float = 1000.0

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.at += seconds

    def clock(self) -> Clock:
        return Clock(now=lambda: self.now, elapsed=lambda: self.at)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def leases(store: Store, hands: Hands) -> Leases:
    return Leases(store, clock=hands.clock())


def budget_time(limit: str = "10", name: str = "b", now: datetime = NOON) -> BudgetTime:
    return BudgetTime.at(Budget(BudgetDefinition.of(name, {"limit_usd": limit}), NOON - timedelta(days=9), CODE), now)


def ask(holder: str, **usd: str) -> Ask:
    return Ask(holder=holder, **{name: Decimal(text) for name, text in usd.items()})


def test_what_is_needed_is_granted_whole_and_half_of_the_rest_besides(leases: Leases) -> None:
    lease = leases.lease(budget_time(), ask("a", spent="1", reserved="2", need="3", want="9"), ZERO)
    assert (lease.granted, lease.held, lease.waits) == (Decimal(8), Decimal(8), False)


def test_who_needs_more_than_is_left_waits_and_nobody_else_gets_more_than_it_needs(
    leases: Leases, hands: Hands
) -> None:
    leases.lease(budget_time(), ask("a", want="8"), ZERO)
    waiting = leases.lease(budget_time(), ask("b", need="6"), ZERO)
    assert (waiting.granted, waiting.waits) == (ZERO, True)
    assert leases.lease(budget_time(), ask("c", need="1", want="5"), ZERO).granted == Decimal(1)
    given_back = leases.lease(budget_time(), ask("a", want="8", holds="5"), ZERO)
    assert (given_back.granted, given_back.held) == (ZERO, Decimal(5))
    assert leases.lease(budget_time(), ask("a", holds="0"), ZERO).held == ZERO
    assert leases.lease(budget_time(), ask("b", need="6"), ZERO).granted == Decimal(6)
    hands.pass_by(2.5)
    assert leases.lease(budget_time(), ask("a", want="8"), ZERO).granted == Decimal("0.5")
