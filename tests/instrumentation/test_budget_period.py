"""The periods of budgets follow the clocks of their zone, also where these skip or repeat an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanmeter.budget_period import BudgetPeriod, PeriodName, period_at

SINCE: Final = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
CASES: Final = {
    "a day in UTC": ("day", "UTC", "2026-11-23T12:00Z", "2026-11-23T00:00Z", "2026-11-24T00:00Z"),
    "a day begins at its midnight": ("day", "UTC", "2026-11-23T00:00Z", "2026-11-23T00:00Z", "2026-11-24T00:00Z"),
    "a week begins on Monday": ("week", "UTC", "2026-11-22T23:59Z", "2026-11-16T00:00Z", "2026-11-23T00:00Z"),
    "a month of 30 days": ("month", "UTC", "2026-11-30T23:59Z", "2026-11-01T00:00Z", "2026-12-01T00:00Z"),
    "the last month of a year": ("month", "UTC", "2026-12-31T12:00Z", "2026-12-01T00:00Z", "2027-01-01T00:00Z"),
    "half an hour off": ("day", "Asia/Kolkata", "2026-11-23T18:29Z", "2026-11-22T18:30Z", "2026-11-23T18:30Z"),
    "ahead of UTC": ("month", "Pacific/Kiritimati", "2026-10-31T10:00Z", "2026-10-31T10:00Z", "2026-11-30T10:00Z"),
    "a day of 23 hours": ("day", "Europe/Berlin", "2026-03-29T12:00Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
    "a day of 25 hours": ("day", "Europe/Berlin", "2026-10-25T12:00Z", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
    "a week over the change": (
        "week",
        "America/New_York",
        "2026-03-08T12:00Z",
        "2026-03-02T05:00Z",
        "2026-03-09T04:00Z",
    ),
    "midnight is skipped": ("day", "Asia/Beirut", "2022-03-27T12:00Z", "2022-03-26T22:00Z", "2022-03-27T21:00Z"),
    "midnight comes twice": ("day", "America/Havana", "2026-11-01T04:30Z", "2026-11-01T04:00Z", "2026-11-02T05:00Z"),
    "a day that never was": ("day", "Pacific/Apia", "2011-12-30T09:59Z", "2011-12-29T10:00Z", "2011-12-30T10:00Z"),
}


def time(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_period_begins_and_ends_by_the_clocks_of_its_zone(case: tuple[PeriodName, str, str, str, str]) -> None:
    name, timezone, now, start, end = case
    assert period_at(time(now), name, timezone=timezone, since=SINCE) == BudgetPeriod(time(start), time(end))


@pytest.mark.parametrize("name", ["total", "request"])
def test_a_total_begins_with_its_definition_and_never_ends(name: PeriodName) -> None:
    berlin = SINCE.astimezone(ZoneInfo("Europe/Berlin"))
    assert period_at(SINCE + timedelta(days=900), name, timezone="Asia/Tokyo", since=berlin) == BudgetPeriod(
        SINCE, None
    )


@given(
    now=st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001  naive, as asked for
    name=st.sampled_from(["day", "week", "month"]),
    timezone=st.sampled_from(
        ["UTC", "Europe/Berlin", "America/Havana", "Asia/Beirut", "Pacific/Apia", "America/Sao_Paulo", "Asia/Gaza"]
    ),
)
def test_every_moment_is_in_one_period_and_the_next_begins_where_it_ends(
    now: datetime, name: PeriodName, timezone: str
) -> None:
    moment = now.replace(tzinfo=UTC)
    found = period_at(moment, name, timezone=timezone, since=SINCE)
    assert found.end is not None
    assert found.start <= moment < found.end
    assert period_at(found.start, name, timezone=timezone, since=SINCE) == found
    assert period_at(found.end, name, timezone=timezone, since=SINCE).start == found.end
