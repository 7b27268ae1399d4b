"""The pace of a budget is what was spent of it within the last hour, as holders told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from spanmeter.budget_definition import BudgetDefinition
from spanmeter_collector.budget import CODE, Budget, BudgetTime
from spanmeter_collector.leases import Clock
from spanmeter_collector.pace import Pace

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Hands:
    now: datetime = NOON

    def elapsed(self) -> float:
        return self.now.timestamp()

    def clock(self) -> Clock:
        return Clock(now=lambda: self.now, elapsed=self.elapsed)


def budget_time(created_at: datetime) -> BudgetTime:
    return BudgetTime.at(Budget(BudgetDefinition.of("b", {"limit_usd": "10"}), created_at, CODE), NOON)


@pytest.mark.parametrize(("created_at", "lately"), [(NOON, 3), (NOON - timedelta(days=1), 0)], ids=["new", "known"])
def test_what_was_spent_before_the_start_is_not_known_to_be_of_the_last_hour(created_at: datetime, lately: int) -> None:
    pace, time = Pace(clock=Hands().clock()), budget_time(created_at)
    assert pace.lately(time, Decimal(3)) == 0
    pace.note(time, Decimal(3))
    assert pace.lately(time, Decimal(3)) == lately


def test_after_an_hour_it_is_forgotten() -> None:
    hands, time = Hands(), budget_time(NOON)
    pace = Pace(clock=hands.clock())
    told = []
    for minutes in range(0, 150, 10):
        hands.now = NOON + timedelta(minutes=minutes)
        spent = Decimal(min(minutes, 60))
        pace.note(time, spent)
        told.append(int(pace.lately(time, spent)))
    assert told == [0, 10, 20, 30, 40, 50, 60, 50, 40, 30, 20, 10, 0, 0, 0]
