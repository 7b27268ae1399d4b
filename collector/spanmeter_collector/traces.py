"""The traces of a period, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spanmeter_collector.answers import TracesAnswer, TraceSummary
from spanmeter_collector.clauses import matching
from spanmeter_collector.money import usd_text
from spanmeter_collector.selection import SPANS, Options, Selection
from spanmeter_collector.store import Store
from spanmeter_collector.times import write_nanoseconds, write_time

OPTIONS: Final = Options(
    SPANS, {"since": "24h", "until": "", "order": "time", "limit": "50", "offset": "0", "errors": "false"}
)
ORDERS: Final = {
    "time": "start_ns DESC, trace",
    "cost": "cost_usd DESC NULLS LAST, start_ns DESC, trace",
    "duration": "duration_ns DESC, start_ns DESC, trace",
}
MOST_TRACES: Final = 1000
LAST_OFFSET: Final = 1_000_000

_AS_THEY_ARE = (
    "name",
    "service",
    "errors",
    "calls",
    "failed_calls",
    "cache_hits",
    "input_tokens",
    "output_tokens",
    "unpriced_calls",
    "frameworks",
    "models",
    "user",
    "session",
    "tenant",
    "feature",
)


def answer_traces(store: Store, selection: Selection) -> TracesAnswer:
    """The traces that started in the period and in which every filter is met by some span.

    Raises:
        QuestionError: An option is not allowed.
    """
    clauses = matching(selection, SPANS)
    errors = " AND errors > 0" if selection.choice("errors", ("true", "false")) == "true" else ""
    fragments = {
        "matches": clauses.fragments["matches"] + errors,
        "order": ORDERS[selection.choice("order", tuple(ORDERS))],
    }
    page = {
        "limit": selection.whole("limit", least=1, most=MOST_TRACES),
        "offset": selection.whole("offset", least=0, most=LAST_OFFSET),
    }
    rows = store.query("traces", {**clauses.parameters, **page}, fragments)
    beyond = not rows and page["offset"] > 0
    counted = store.query("traces", {**clauses.parameters, "limit": 1, "offset": 0}, fragments) if beyond else rows
    return TracesAnswer(
        traces=[_summary(row) for row in rows],
        total=counted[0]["matching"] if counted else 0,
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
    )


def _summary(row: Mapping[str, Any]) -> TraceSummary:
    return TraceSummary(
        trace_id=row["trace"],
        start=write_nanoseconds(row["start_ns"]),
        duration_s=row["duration_ns"] / 1e9,
        spans=row["span_count"],
        cost_usd=usd_text(row["cost_usd"]),
        **{name: row[name] for name in _AS_THEY_ARE},
    )
