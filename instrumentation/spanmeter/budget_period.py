"""The period of a budget: a day, week or month by the clocks of a time zone, or all time since its definition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

PeriodName = Literal["day", "week", "month", "total", "request"]
PERIODS: Final[tuple[PeriodName, ...]] = ("day", "week", "month", "total", "request")
_LAST_DAY: Final = date(9998, 1, 1)


@dataclass(frozen=True, slots=True)
class BudgetPeriod:
    """From `start`, included, to `end`, excluded, both in UTC; without an end it goes on for ever."""

    start: datetime
    end: datetime | None


@lru_cache(maxsize=256)
def zone(name: str) -> tzinfo:
    """The time zone of an IANA name; UTC needs no database of zones.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: There is no such zone, or this machine has no database of them.
        ValueError: The text can be no name of a zone.
    """
    return UTC if name == "UTC" else ZoneInfo(name)


def period_at(now: datetime, name: PeriodName, *, timezone: str, since: datetime) -> BudgetPeriod:
    """The period that `now` is in.

    Days begin at midnight by the clocks of the zone, weeks on Monday, months on the first. Where clocks skip midnight
    the day begins when they do, where they show it twice with the first. A total begins at `since`, and so does the
    period of budgets that hold for each request alone.
    """
    if name in ("total", "request"):
        return BudgetPeriod(since.astimezone(UTC), None)
    local = zone(timezone)
    first = _first(now.astimezone(local).date(), name)
    following = _following(first, name)
    while following < _LAST_DAY and _midnight(following, local) <= now:  # clocks went back over midnight
        first, following = following, _following(following, name)
    return BudgetPeriod(_midnight(first, local), _midnight(following, local))


def _first(day: date, name: PeriodName) -> date:
    if name == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if name == "month" else day


def _following(first: date, name: PeriodName) -> date:
    if name == "month":
        return (first + timedelta(days=31)).replace(day=1)
    return first + timedelta(days=7 if name == "week" else 1)


def _midnight(day: date, local: tzinfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=local).astimezone(UTC)
