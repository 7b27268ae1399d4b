"""Retention: what the store keeps, for how long and up to which size, and which partitions are to go.

Whole partitions go, which costs the engine some milliseconds whatever they hold: spans and counters by the day,
charges, duplicates and requests to caches by the month. A partition is dropped when all of it is over the limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

OVER_AGE: Final = "age"
OVER_SIZE: Final = "size"
_SPANS: Final = "spans"
_LIKE_SPANS: Final = frozenset({_SPANS, "counters"})
_LIKE_CHARGES: Final = frozenset(
    {"cache_requests", "charges", "duplicates", "charge_sums", "span_sums", "span_totals_by_day"}
)
SWEPT: Final = _LIKE_SPANS | _LIKE_CHARGES
"""The tables from which something is ever dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """For how many days spans and charges are kept, and up to how many bytes the store; None sets no limit."""

    span_days: int | None = None
    charge_days: int | None = None
    most_bytes: int | None = None

    def days(self, table: str) -> int | None:
        """For how many days a table's rows are kept: counters as spans, duplicates and rollups as charges."""
        if table in _LIKE_SPANS:
            return self.span_days
        return self.charge_days if table in _LIKE_CHARGES else None


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of a table that can be dropped at once: its days from `first`, included, to `end`, excluded, in UTC."""

    table: str
    name: str
    first: date
    end: date
    rows: int
    bytes: int
    written_at: datetime

    @classmethod
    def of(cls, table: str, name: str, *, rows: int, size: int, written_at: int) -> Partition:
        """The partition that the engine calls `20261122` or `202611`; `written_at` is in seconds since 1970."""
        if len(name) == len("YYYYMMDD"):
            first = datetime.strptime(name, "%Y%m%d").date()  # noqa: DTZ007  a day, no time
            end = first + timedelta(days=1)
        else:
            first = date(int(name[:4]), int(name[4:]), 1)
            end = (first + timedelta(days=31)).replace(day=1)
        return cls(table, name, first, end, rows, size, datetime.fromtimestamp(written_at, UTC))


@dataclass(frozen=True, slots=True)
class Due:
    """A partition that is to go, and why: `age` or `size`."""

    partition: Partition
    reason: str


def due(
    partitions: Sequence[Partition], retention: Retention, *, store_bytes: int, today: date, quiet_since: datetime
) -> list[Due]:
    """What is to be dropped.

    By age, a partition that was written to after `quiet_since` stays: what is delivered late arrives whole.
    By size, the oldest days of spans go; today, yesterday and the ledger stay.
    """
    quiet = (one for one in partitions if one.written_at <= quiet_since)
    over_age = [Due(one, OVER_AGE) for one in quiet if _is_over_age(one, retention, today)]
    left = store_bytes - sum(one.partition.bytes for one in over_age)
    aged = {one.partition for one in over_age}
    return over_age + _over_size((one for one in partitions if one not in aged), retention, left, today)


def _is_over_age(partition: Partition, retention: Retention, today: date) -> bool:
    days = retention.days(partition.table)
    return days is not None and (today - partition.end).days >= days


def _over_size(partitions: Iterable[Partition], retention: Retention, store_bytes: int, today: date) -> list[Due]:
    yesterday = today - timedelta(days=1)
    oldest_first = sorted((one for one in partitions if one.table == _SPANS), key=lambda one: one.first)
    chosen = []
    for partition in oldest_first:
        if retention.most_bytes is None or store_bytes <= retention.most_bytes or partition.end > yesterday:
            break
        chosen.append(Due(partition, OVER_SIZE))
        store_bytes -= partition.bytes
    return chosen
