"""Sums over time: one bucket after the other, each cut by a dimension."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import starmap

from spanmeter_dashboard import palette
from spanmeter_dashboard.answers import CostRow, Sums, add
from spanmeter_dashboard.client import Client, Filters
from spanmeter_dashboard.window import STEPS, Window, floor


@dataclass(frozen=True, slots=True)
class Bucket:
    """The groups of one stretch of time."""

    window: Window
    rows: tuple[CostRow, ...]


def over_time(
    client: Client, window: Window, *, step: str, group_by: Sequence[str], filters: Filters = ()
) -> tuple[Bucket, ...]:
    """Buckets of `step` that cover the window; an empty one has no rows."""
    width = STEPS[step]
    dimension = next(name for name in ("day", "hour", "minute") if not width % STEPS[name])
    rows = client.cost(window, group_by=(dimension, *group_by), filters=filters).rows
    return _placed(rows, window.buckets(step), width)


def fold(buckets: Iterable[Bucket], keep: Sequence[tuple[str, ...]]) -> tuple[Bucket, ...]:
    """The same buckets with every group that is not kept added up as one group, `other`."""
    return tuple(Bucket(bucket.window, fold_rows(bucket.rows, keep)) for bucket in buckets)


def fold_rows(rows: Sequence[CostRow], keep: Sequence[tuple[str, ...]]) -> tuple[CostRow, ...]:
    """The kept rows in the order of `keep`, then one row `other` for the rest, if there is a rest."""
    by_key = {row.key: row for row in rows}
    kept = [by_key[key] for key in keep if key in by_key]
    rest = [row.sums for row in rows if row.key not in set(keep)]
    return (*kept, CostRow((palette.OTHER,), add(rest))) if rest else tuple(kept)


def _placed(rows: Iterable[CostRow], buckets: Iterable[Window], width: timedelta) -> tuple[Bucket, ...]:
    groups: dict[datetime, dict[tuple[str, ...], Sums]] = defaultdict(dict)
    for row in rows:
        start, key = datetime.fromisoformat(row.key[0]).replace(tzinfo=UTC), row.key[1:]
        group = groups[floor(start, width)]
        group[key] = group.get(key, Sums()) + row.sums
    return tuple(Bucket(bucket, tuple(starmap(CostRow, groups[bucket.since].items()))) for bucket in buckets)
