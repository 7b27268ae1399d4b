"""The lines of a provider's bill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

Record = Mapping[str, Any]
REQUESTS: Final = "requests"
WEB_SEARCHES: Final = "web searches"
"""The model of what is billed for searches: providers bill them apart from any model."""
_DAY_S: Final = 24 * 3600
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)


class UnreadLineError(Exception):
    """Why a line of the file could not be understood."""


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of a bill: how much of a component of a model was used on a UTC day, and what it cost.

    `component` is a usage bucket, `requests`, the bill's own word for what is neither, or "" for the whole model;
    `model` is "" where the bill names none. `terms` are the bill's words for a tier or a batch.
    """

    day: date
    model: str
    component: str
    quantity: Decimal | None = None
    usd: Decimal | None = None
    terms: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that was not understood: its number in the file (of a result, in JSON), what it says and why not."""

    number: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a file says. `days` are all days it speaks of, `empty` counts lines without a figure.

    `rounded` says that its amounts are in whole cents; `notes` what else is to be known of the file.
    """

    file: str
    kind: str
    provider: str
    days: Sequence[date]
    lines: Sequence[Line]
    records: int
    empty: int = 0
    unread: Sequence[Unread] = ()
    notes: Sequence[str] = ()
    rounded: bool = False


def day_of(record: Record) -> date:
    """The UTC day a record is about.

    Raises:
        UnreadLineError: It has no time that could be read.
    """
    return start_of(record).date()


def start_of(record: Record) -> datetime:
    """The time from which a record counts: Unix seconds, RFC 3339 or a date; without a zone it is in UTC.

    Raises:
        UnreadLineError: It has no time that could be read.
    """
    name = next((name for name in ("start_time", "starting_at", "usage_date_utc", "date") if record.get(name)), "")
    told = str(record.get(name, ""))
    try:
        if name == "start_time":
            return _FIRST + timedelta(seconds=int(Decimal(told)))
        start = datetime.fromisoformat(told)
        return start.astimezone(UTC) if start.tzinfo else start.replace(tzinfo=UTC)
    except (ValueError, OverflowError, InvalidOperation):
        raise UnreadLineError(f"{name or 'its time'} {told!r} is no time") from None


def is_shifted(record: Record) -> bool:
    """Whether a record covers a whole day that does not start at midnight UTC."""
    end = record.get("end_time") or record.get("ending_at")
    if not end:
        return False
    start = start_of(record)
    until = start_of({"start_time" if record.get("end_time") else "starting_at": end})
    return (until - start).total_seconds() == _DAY_S and (start - _FIRST).total_seconds() % _DAY_S != 0


def amount(record: Record, name: str) -> Decimal | None:
    """A figure with its exact digits, None where there is none.

    Raises:
        UnreadLineError: It is no number.
    """
    told = record.get(name)
    if told is None or str(told).strip() == "":
        return None
    try:
        number = Decimal(str(told).strip())
    except InvalidOperation:
        raise UnreadLineError(f"{name} {str(told)[:40]!r} is no number") from None
    if not number.is_finite():
        raise UnreadLineError(f"{name} {str(told)[:40]!r} is no number")
    return number


def count(record: Record, name: str) -> Decimal:
    """A number of tokens or requests, 0 where there is none.

    Raises:
        UnreadLineError: It is no number, or negative.
    """
    number = amount(record, name) or Decimal(0)
    if number < 0:
        raise UnreadLineError(f"{name} {number} is negative")
    return number


def text(record: Record, name: str) -> str:
    """A word of the record, "" where there is none."""
    return str(record.get(name) or "").strip()
