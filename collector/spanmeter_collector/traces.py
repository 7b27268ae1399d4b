"""The traces of a period, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from spanmeter_collector.answers import TracesAnswer, TraceSummary
from spanmeter_collector.clauses import matching
from spanmeter_collector.money import usd_text
from spanmeter_collector.selection import SPANS, Options, Selection
from spanmeter_collector.store import Store
from spanmeter_collector.times import Period, write_nanoseconds, write_time

OPTIONS: Final = Options(
    SPANS, {"since": "24h", "until": "", "order": "time", "limit": "50", "offset": "0", "errors": "false"}
)
ORDERS: Final = {
    "time": "start_ns DESC, trace_id",
    "cost": "cost_usd DESC NULLS LAST, start_ns DESC, trace_id",
    "duration": "duration_ns DESC, start_ns DESC, trace_id",
}
Row = Mapping[str, Any]

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

    The spans and the ledger of days are only ever added to, so a page is the same while they count the same.

    Raises:
        QuestionError: An option is not allowed.
    """
    if not selection.options["until"]:  # nobody asks for the same period again
        return _asked(store, selection)
    question = ("traces", selection.period, tuple(selection.options.items()), tuple(selection.filters.items()))
    period = {"since": selection.period.since_us, "until": selection.period.until_us}
    counted = store.query("traces_counted", period)
    return store.lately.find_or_ask(
        question, counted, lambda: _asked(store, selection), rows=lambda answer: len(answer.traces)
    )


def _asked(store: Store, selection: Selection) -> TracesAnswer:
    places, total = _page(store, selection)
    return TracesAnswer(
        traces=_summaries(store, places, selection.period) if places else [],
        total=total,
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
    )


def _page(store: Store, selection: Selection) -> tuple[Sequence[Row], int]:
    """Which traces stand on the page, in order, and how many there are on all pages."""
    clauses = matching(selection, SPANS)
    failed = " AND countIf(spans.status = 'error') > 0"
    only_failed = selection.choice("errors", ("true", "false")) == "true"
    order = selection.choice("order", tuple(ORDERS))
    every = not selection.filters and not only_failed
    fragments = {
        "matches": clauses.fragments["matches"] + failed * only_failed,
        "order": ORDERS[order],
        "through": "until" if every and order == "time" else "until + INTERVAL 1 DAY",
        "threads": "1" if every else "2",
    }
    question = "traces_page_by_cost" if order == "cost" else "traces_page"
    limit = selection.whole("limit", least=1, most=MOST_TRACES)
    offset = selection.whole("offset", least=0, most=LAST_OFFSET)
    places = store.query(question, {**clauses.parameters, "limit": limit, "offset": offset}, fragments)
    counted = places
    if offset and not places:
        counted = store.query(question, {**clauses.parameters, "limit": 1, "offset": 0}, fragments)
    return places, counted[0]["matching"] if counted else 0


def _summaries(store: Store, places: Sequence[Row], period: Period) -> list[TraceSummary]:
    """What the traces of a page did; those are read that are not known with the mark that they have on it."""
    known = {place["trace"]: row for place in places if (row := _known(store, place)) is not None}
    lacking = [place for place in places if place["trace"] not in known]
    if lacking:
        times = {"first": min(place["start_ns"] for place in lacking), "until": period.until_us}
        rows = store.query("traces", {**times, "traces": [place["trace"] for place in lacking]})
        known |= {row["trace"]: row for row in rows}
    for place in lacking:
        if "mark" in place:
            store.lately.keep(("trace", place["trace"]), (place["mark"], known[place["trace"]]), 1)
    return [_summary(place, known[place["trace"]]) for place in places]


def _known(store: Store, place: Row) -> Row | None:
    mark, row = store.lately.find(("trace", place["trace"])) or (None, None)
    return row if mark is not None and mark == place.get("mark") else None


def _summary(place: Row, row: Row) -> TraceSummary:
    return TraceSummary(
        trace_id=place["trace"],
        start=write_nanoseconds(place["start_ns"]),
        duration_s=(row["end_ns"] - place["start_ns"]) / 1e9,
        spans=row["span_count"],
        cost_usd=usd_text(row["cost_usd"]),
        **{name: row[name] for name in _AS_THEY_ARE},
    )
