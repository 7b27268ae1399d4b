"""How long spans took: percentiles by dimension and in total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from string import Template
from typing import Any, Final, cast

from spanmeter_collector.answers import LatencyAnswer, LatencyFigures, LatencyRow
from spanmeter_collector.clauses import TIME_DIMENSIONS, grouped
from spanmeter_collector.hours import HOUR, rows_by_hour
from spanmeter_collector.rollup import LATENCY, Rollup, chosen, rolled_up, whole_of
from spanmeter_collector.selection import SPANS, Options, Selection, group_columns, rows_of
from spanmeter_collector.statement import read_sql
from spanmeter_collector.store import Store
from spanmeter_collector.times import Period, write_time

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
_FIGURES: Final = tuple(LatencyFigures.model_fields)
_NOTHING: Final = LatencyFigures.model_validate(dict.fromkeys(_FIGURES) | {"count": 0, "errors": 0})
_BESIDE: Final = (
    "(start_time < fromUnixTimestamp64Micro({whole_since:Int64}, 'UTC')"
    " OR start_time >= fromUnixTimestamp64Micro({whole_until:Int64}, 'UTC'))"
)

Columns = Mapping[str, Sequence[Any]]


def answer_latency(store: Store, selection: Selection) -> LatencyAnswer:
    """The latency of a selection; percentiles are those of a t-digest, exact at the extremes.

    Raises:
        QuestionError: The limit is not allowed.
    """
    limit = selection.whole("limit", least=1, most=MOST_ROWS)
    total, rows = _asked(store, selection, limit)
    return LatencyAnswer.model_construct(
        rows=rows[:limit],
        total=total,
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
        truncated=len(rows) > limit,
    )


def _asked(store: Store, selection: Selection, limit: int) -> tuple[LatencyFigures, list[LatencyRow]]:
    """The total and the rows: from sketches where there are some, else from the spans themselves."""
    rollup = chosen(LATENCY, [*selection.group_by, *selection.filters], selection.period)
    if rollup is None:
        clauses = grouped(selection, SPANS, most="count", limit=limit)
        seen = store.columns("latency", clauses.parameters, clauses.fragments)
        return _first(seen), _rows(seen, selection)[1:]
    everything = replace(selection, group_by=())
    total = _rolled_up(store, everything, chosen(LATENCY, selection.filters, selection.period) or rollup, 1)
    if HOUR in selection.group_by:
        return _first(total), _by_hour(store, selection, rollup, limit)
    columns = _rolled_up(store, selection, rollup, limit) if selection.group_by else total
    return _first(total), _rows(columns, selection)


def _by_hour(store: Store, selection: Selection, rollup: Rollup, limit: int) -> list[LatencyRow]:
    """The rows of whole hours from sketches, and those of the period's ends from their spans."""
    whole = whole_of(rollup, selection.period) or selection.period
    within = replace(selection, period=whole)

    def ask(period: Period) -> list[LatencyRow]:
        return _rows(_rolled_up(store, replace(selection, period=period), rollup, limit), selection)

    words, parameters = _words(within, rollup, limit)
    inner = rows_by_hour(store.columns("latency_most", parameters, words), within, store.lately, ask)
    if whole == selection.period:
        return inner
    ends, began = _ends(store, selection, whole, limit), write_time(whole.since)
    before, after = ([row for row in ends if (str(row[HOUR]) < began) == first] for first in (True, False))  # type: ignore[typeddict-item]
    return [*before, *inner, *after]


def _ends(store: Store, selection: Selection, whole: Period, limit: int) -> list[LatencyRow]:
    """The rows of what a period has beside its whole hours."""
    clauses = grouped(selection, SPANS, most="count", limit=limit)
    words = {**clauses.fragments, "filters": f"{clauses.fragments['filters']} AND {_BESIDE}"}
    bounds = {"whole_since": whole.since_us, "whole_until": whole.until_us}
    return _rows(store.columns("latency", {**clauses.parameters, **bounds}, words), selection)[1:]


def _rolled_up(store: Store, selection: Selection, rollup: Rollup, limit: int) -> Columns:
    words, parameters = _words(selection, rollup, limit)
    kept = "true"
    if _has_many(selection):
        kept = Template(f"($keys) IN (SELECT $keys FROM ({read_sql('latency_most')}))").substitute(words)  # noqa: S608
    return store.columns("latency_rolled_up", parameters, words | {"kept": kept})


def _words(selection: Selection, rollup: Rollup, limit: int) -> tuple[dict[str, str], dict[str, object]]:
    """What stands in a question to a rollup, and what is bound in it."""
    clauses = grouped(selection, SPANS, most="count", limit=limit)
    names = [*selection.group_by, *selection.filters]
    told = [name for name in rollup.dimensions if name in names]
    source = rolled_up(rollup, selection.period, names, ("time", "time AS start_time", *told, *_SUMS))
    return {**clauses.fragments, **source.fragments}, {**clauses.parameters, **source.parameters}


def _has_many(selection: Selection) -> bool:
    """Whether there may be many more groups than are answered, so that it pays to look first which these are."""
    times = [name for name in selection.group_by if name in TIME_DIMENSIONS]
    return "user" in selection.group_by or bool(times and {*selection.group_by} - {*times, "operation"})


def _rows(columns: Columns, selection: Selection) -> list[LatencyRow]:
    table = group_columns(columns, selection) | {name: columns.get(name, ()) for name in _FIGURES}
    return cast("list[LatencyRow]", rows_of(table))


def _first(columns: Columns) -> LatencyFigures:
    if not columns:
        return _NOTHING
    return LatencyFigures.model_validate({name: columns[name][0] for name in _FIGURES})
