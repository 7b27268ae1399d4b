"""How long spans took: percentiles by dimension and in total."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from spanmeter_collector.answers import LatencyAnswer, LatencyFigures, LatencyRow
from spanmeter_collector.clauses import grouped
from spanmeter_collector.rollup import LATENCY, Rollup, chosen, rolled_up
from spanmeter_collector.selection import SPANS, Options, Selection, grouped_by
from spanmeter_collector.store import Store
from spanmeter_collector.times import write_time

OPTIONS: Final = Options(SPANS, {"since": "24h", "until": "", "group_by": "", "limit": "1000"})
MOST_ROWS: Final = 10_000
_SUMS: Final = (
    "wrapper",
    "errors",
    "streams",
    "output_tokens",
    "duration_ns",
    "output_ns",
    "max_ns",
    "durations",
    "first_chunks",
    "entries",
)
_NOTHING: Final = {"spans_seen": 0, "errors": 0, "streams": 0, "output_tokens": 0, "output_ns": 0}


def answer_latency(store: Store, selection: Selection) -> LatencyAnswer:
    """The latency of a selection; percentiles are those of a t-digest, exact at the extremes.

    Raises:
        QuestionError: The limit is not allowed.
    """
    limit = selection.whole("limit", least=1, most=MOST_ROWS)
    total, *rows = _asked(store, selection, limit)
    return LatencyAnswer(
        rows=[LatencyRow.model_validate({**grouped_by(row, selection), **_figures(row)}) for row in rows[:limit]],
        total=LatencyFigures(**_figures(total)),
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
        truncated=len(rows) > limit,
    )


def _asked(store: Store, selection: Selection, limit: int) -> list[dict[str, Any]]:
    """The total and the rows: from sketches where there are some, else from the spans themselves."""
    rollup = chosen(LATENCY, [*selection.group_by, *selection.filters], selection.period)
    if rollup is None:
        clauses = grouped(selection, SPANS, most="spans_seen", limit=limit)
        return store.query("latency", clauses.parameters, clauses.fragments)
    whole = replace(selection, group_by=())
    smallest = chosen(LATENCY, selection.filters, selection.period) or rollup
    total = _rolled_up(store, whole, smallest, 1)
    return [*(total or [_NOTHING]), *(_rolled_up(store, selection, rollup, limit) if selection.group_by else total)]


def _rolled_up(store: Store, selection: Selection, rollup: Rollup, limit: int) -> list[dict[str, Any]]:
    clauses = grouped(selection, SPANS, most="spans_seen", limit=limit)
    names = [*selection.group_by, *selection.filters]
    source = rolled_up(rollup, selection.period, names, ("time", *rollup.dimensions, *_SUMS))
    fragments = {**clauses.fragments, "source": source.sql}
    return store.query("latency_rolled_up", {**clauses.parameters, **source.parameters}, fragments)


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    p50, p95, p99 = row["duration_quantiles_ns"] if row["spans_seen"] else (None,) * 3
    first_p50, first_p95, *_ = row["first_chunk_quantiles_ns"] if row["streams"] else (None,) * 2
    return {
        "count": row["spans_seen"],
        "errors": row["errors"],
        "mean_s": _seconds(row["mean_ns"] if row["spans_seen"] else None),
        "p50_s": _seconds(p50),
        "p95_s": _seconds(p95),
        "p99_s": _seconds(p99),
        "max_s": _seconds(row["max_ns"] if row["spans_seen"] else None),
        "time_to_first_chunk_p50_s": _seconds(first_p50),
        "time_to_first_chunk_p95_s": _seconds(first_p95),
        "output_tokens_per_s": row["output_tokens"] * 1e9 / row["output_ns"] if row["output_ns"] else None,
    }


def _seconds(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else round(nanoseconds / 1e9, 6)
