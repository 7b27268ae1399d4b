"""Points in time and lengths of time as people and machines write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from spanmeter_collector.question_error import QuestionError

ALLOWED: Final = "RFC 3339 such as 2026-11-22T13:00:00Z, or a length before now such as 15m, 24h or 7d"

_LENGTH = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """From `since`, included, to `until`, excluded; both in UTC."""

    since: datetime
    until: datetime

    @property
    def since_us(self) -> int:
        """Microseconds after 1970."""
        return (self.since - _EARLIEST) // timedelta(microseconds=1)

    @property
    def until_us(self) -> int:
        """Microseconds after 1970."""
        return (self.until - _EARLIEST) // timedelta(microseconds=1)


def read_period(*, since: str, until: str, now: datetime) -> Period:
    """The period two texts describe; an empty `until` means now.

    Raises:
        QuestionError: A text is no time, or the period is empty; the message says which and what is allowed.
    """
    period = Period(
        since=read_time(since, name="since", now=now),
        until=read_time(until, name="until", now=now) if until else now,
    )
    if period.since >= period.until:
        raise QuestionError(
            f"since={write_time(period.since)} is not before until={write_time(period.until)}; give an earlier since"
        )
    return period


def read_time(text: str, *, name: str, now: datetime) -> datetime:
    """The UTC time that RFC 3339 or a length before `now` means, between 1970 and 2200.

    Raises:
        QuestionError: The text is neither, or out of range; the message carries `name`.
    """
    try:
        time = now - read_length(text) if _LENGTH.fullmatch(text) else _read_rfc_3339(text)
    except (ValueError, OverflowError):
        raise QuestionError(f"{name}={text!r} is no time; allowed: {ALLOWED}") from None
    if not _EARLIEST <= time <= _LATEST:
        raise QuestionError(f"{name}={text!r} lies outside the years 1970 to 2200")
    return time


def read_length(text: str) -> timedelta:
    """A length such as 90s, 15m, 24h, 7d or 2w.

    Raises:
        ValueError: The text is no length.
        OverflowError: It is longer than a timedelta holds.
    """
    match = _LENGTH.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no length of time; allowed: a whole number and s, m, h, d or w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def write_time(time: datetime) -> str:
    """RFC 3339 in UTC with Z; fractions only where there are any."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def write_nanoseconds(nanoseconds: int) -> str:
    """RFC 3339 in UTC with Z and microseconds, of a number of nanoseconds after 1970."""
    return write_time(_EARLIEST + timedelta(microseconds=nanoseconds // 1000))


def _read_rfc_3339(text: str) -> datetime:
    if _RFC_3339.fullmatch(text) is None:
        raise ValueError(text)
    return datetime.fromisoformat(text.upper()).astimezone(UTC)
