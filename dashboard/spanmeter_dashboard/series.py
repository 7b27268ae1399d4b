"""Sums over time: one bucket after the other, each cut by a dimension."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import streamlit as st

from spanmeter_dashboard import palette
from spanmeter_dashboard.answers import CostRow, add
from spanmeter_dashboard.client import Client, Filters
from spanmeter_dashboard.window import Window

API_STEPS = frozenset({"hour", "day"})
"""Bucket widths that the API knows as dimensions."""
_SETTLED_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The groups of one stretch of time."""

    window: Window
    rows: tuple[CostRow, ...]


def over_time(
    client: Client, window: Window, *, step: str, group_by: Sequence[str], filters: Filters = ()
) -> tuple[Bucket, ...]:
    """Buckets of `step` that cover the window; an empty one has no rows."""
    buckets = window.buckets(step)
    if step in API_STEPS:
        rows = client.cost(window, group_by=(step, *group_by), filters=filters).rows
        return _placed(rows, buckets)
    return tuple(_asked(client, bucket, window, group_by, filters) for bucket in buckets)


def fold(buckets: Iterable[Bucket], keep: Sequence[tuple[str, ...]]) -> tuple[Bucket, ...]:
    """The same buckets with every group that is not kept added up as one group, `other`."""
    return tuple(Bucket(bucket.window, fold_rows(bucket.rows, keep)) for bucket in buckets)


def fold_rows(rows: Sequence[CostRow], keep: Sequence[tuple[str, ...]]) -> tuple[CostRow, ...]:
    """The kept rows in the order of `keep`, then one row `other` for the rest, if there is a rest."""
    by_key = {row.key: row for row in rows}
    kept = [by_key[key] for key in keep if key in by_key]
    rest = [row.sums for row in rows if row.key not in set(keep)]
    return (*kept, CostRow((palette.OTHER,), add(rest))) if rest else tuple(kept)


@st.cache_data(ttl=60, max_entries=4000, show_spinner=False)
def _settled(url: str, _client: Client, bucket: Window, group_by: Sequence[str], filters: Filters) -> Bucket:  # noqa: ARG001
    return Bucket(bucket, _client.cost(bucket, group_by=group_by, filters=filters).rows)


def _asked(client: Client, bucket: Window, window: Window, group_by: Sequence[str], filters: Filters) -> Bucket:
    inside = Window(max(bucket.since, window.since), min(bucket.until, window.until))
    if inside == bucket and window.until - bucket.until >= _SETTLED_AFTER:
        return _settled(client.url, client, bucket, group_by, filters)
    return Bucket(bucket, client.cost(inside, group_by=group_by, filters=filters).rows)


def _placed(rows: Iterable[CostRow], buckets: Iterable[Window]) -> tuple[Bucket, ...]:
    groups: dict[datetime, list[CostRow]] = defaultdict(list)
    for row in rows:
        start = datetime.fromisoformat(row.key[0])
        groups[start.replace(tzinfo=UTC)].append(CostRow(row.key[1:], row.sums))
    return tuple(Bucket(bucket, tuple(groups.get(bucket.since, ()))) for bucket in buckets)
