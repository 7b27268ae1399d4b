"""What was not counted, because another span tells of the same call: the audit of every rule that leaves a span out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from spanmeter_collector.answers import DuplicateAnswer, DuplicateFigures, DuplicatesAnswer
from spanmeter_collector.clauses import filtered
from spanmeter_collector.money import usd_text
from spanmeter_collector.selection import DUPLICATES, Options, Selection
from spanmeter_collector.store import Store
from spanmeter_collector.times import write_nanoseconds, write_time

OPTIONS: Final = Options(DUPLICATES, {"since": "24h", "until": "", "limit": "1000"})
MOST_ROWS: Final = 10_000
_AS_THEY_ARE: Final = (
    "reason",
    "service",
    "scope",
    "name",
    "operation",
    "provider",
    "model",
    "input_tokens",
    "output_tokens",
)

Row = Mapping[str, Any]


def answer_duplicates(store: Store, selection: Selection) -> DuplicatesAnswer:
    """The spans of a selection that were not counted.

    Raises:
        QuestionError: The limit is not allowed.
    """
    limit = selection.whole("limit", least=1, most=MOST_ROWS)
    clauses = filtered(selection, DUPLICATES)
    rows = store.query("duplicates", {**clauses.parameters, "limit": limit + 1}, clauses.fragments)
    sums = store.query("duplicates_by_reason", clauses.parameters, clauses.fragments)
    return DuplicatesAnswer(
        rows=[_row(row) for row in rows[:limit]],
        by_reason={row["reason"]: _figures([row]) for row in sums},
        total=_figures(sums),
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
        truncated=len(rows) > limit,
    )


def _row(row: Row) -> DuplicateAnswer:
    return DuplicateAnswer(
        trace_id=row["trace"],
        span_id=row["span"],
        counted_span_id=row["counted"],
        time=write_nanoseconds(row["start_ns"]),
        usd=usd_text(row["usd"]),
        **{name: row[name] for name in _AS_THEY_ARE},
    )


def _figures(rows: Iterable[Row]) -> DuplicateFigures:
    sums = list(rows)
    counts = {name: sum(row[name] for row in sums) for name in ("calls", "input_tokens", "output_tokens")}
    return DuplicateFigures(usd=usd_text(sum((row["usd"] for row in sums), Decimal(0))) or "0", **counts)
