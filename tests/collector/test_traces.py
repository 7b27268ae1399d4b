"""The list of traces, asked of a real store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector.answers import TracesAnswer
from spanmeter_collector.batch import Batch
from spanmeter_collector.charge import Charge
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.row import read_span
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store
from spanmeter_collector.traces import OPTIONS, answer_traces

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANSWER = {
    "trace_id": "01" * 16,
    "name": "rag.answer",
    "service": "shop-rag",
    "start": "2026-11-22T10:00:00Z",
    "duration_s": 2.0,
    "spans": 5,
    "errors": 0,
    "calls": 2,
    "failed_calls": 0,
    "cache_hits": 0,
    "input_tokens": 312,
    "output_tokens": 50,
    "cost_usd": "0.00006774",
    "unpriced_calls": 0,
    "frameworks": ["langchain", "llama_index"],
    "models": ["e-small", "gpt-4o-mini"],
    "user": "u1",
    "session": "s1",
    "tenant": "acme",
    "feature": "search",
}
NIGHTLY = {
    "trace_id": "02" * 16,
    "name": "nightly",
    "service": "batch",
    "start": "2026-11-22T11:30:00Z",
    "duration_s": 0.9,
    "spans": 4,
    "errors": 1,
    "calls": 1,
    "failed_calls": 1,
    "cache_hits": 1,
    "input_tokens": 40,
    "output_tokens": 8,
    "cost_usd": None,
    "unpriced_calls": 1,
    "frameworks": ["langchain"],
    "models": ["gpt-4o-mini", "mystery-1"],
    "user": "",
    "session": "",
    "tenant": "",
    "feature": "",
}


def ask(store: Store, *query: tuple[str, str]) -> dict[str, object]:
    return answer_traces(store, read_selection(query, OPTIONS, now=NOW)).model_dump()


@pytest.mark.parametrize(
    ("order", "traces"),
    [("time", [NIGHTLY, ANSWER]), ("cost", [ANSWER, NIGHTLY]), ("duration", [ANSWER, NIGHTLY])],
)
def test_the_whole_list_in_every_order(known: Store, order: str, traces: list[object]) -> None:
    assert ask(known, ("order", order)) == {
        "traces": traces,
        "total": 2,
        "since": "2026-11-21T12:00:00Z",
        "until": "2026-11-22T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ([("user", "u1"), ("model", "e-small"), ("framework", "langchain")], ["rag.answer"]),
        ([("model", "mystery-1"), ("model", "e-small")], ["nightly", "rag.answer"]),
        ([("model", "mystery-1"), ("user", "u1")], []),
        ([("tag.branch", "main")], ["rag.answer"]),
        ([("attribute.spanmeter.cache.hit", "true")], ["nightly"]),
        ([("attribute.spanmeter.cache.hit", "true"), ("tag.branch", "main")], []),
        ([("attribute.spanmeter.tag.branch", "main"), ("user", "u1")], ["rag.answer"]),
        ([("resource.k8s.pod.name", "web-7")], []),
        ([("name", "retrieve")], ["rag.answer"]),
        ([("errors", "true")], ["nightly"]),
        ([("errors", "false")], ["nightly", "rag.answer"]),
        ([("since", "2026-11-22T10:00:00.1Z")], ["nightly"]),
        ([("until", "2026-11-22T10:00:00.1Z")], ["rag.answer"]),
    ],
    ids=str,
)
def test_a_trace_matches_when_each_filter_is_met_by_some_span(
    known: Store, query: list[tuple[str, str]], names: list[str]
) -> None:
    answer = answer_traces(known, read_selection(query, OPTIONS, now=NOW))
    assert ([trace.name for trace in answer.traces], answer.total) == (names, len(names))


def test_what_no_table_of_ours_knows_can_be_asked_for(store: Store, span: Callable[..., Span]) -> None:
    at = round((NOW - timedelta(hours=1)).timestamp()) * 10**9
    sent = [
        span(
            1, name="a", trace_id=b"a" * 16, start_time_unix_nano=at, attributes={"http.route": "/x", "tries": [1, "b"]}
        ),
        span(2, name="b", trace_id=b"b" * 16, start_time_unix_nano=at, attributes={"http.route": "/y"}),
    ]
    rows = [read_span({"k8s.pod.name": f"web-{one.name}"}, "shop", one, received_at=1)[0] for one in sent]
    store.write(Batch(rows=rows), token="1")

    asked = [("attribute.http.route", "/x"), ("attribute.tries", '[1,"b"]'), ("resource.k8s.pod.name", "web-b")]
    found = [answer_traces(store, read_selection([one], OPTIONS, now=NOW)).traces for one in asked]
    assert [[trace.name for trace in traces] for traces in found] == [["a"], ["a"], ["b"]]


@pytest.mark.parametrize(("offset", "names"), [("0", ["nightly"]), ("1", ["rag.answer"]), ("2", [])])
def test_every_page_knows_how_many_traces_there_are(known: Store, offset: str, names: list[str]) -> None:
    answer = answer_traces(known, read_selection([("limit", "1"), ("offset", offset)], OPTIONS, now=NOW))
    assert ([trace.name for trace in answer.traces], answer.total) == (names, 2)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("order", "name", "time, cost, duration"),
        ("errors", "yes", "true, false"),
        ("limit", "1001", "a whole number from 1 to 1000"),
        ("offset", "-1", "a whole number from 0 to 1000000"),
    ],
)
def test_an_option_out_of_bounds_is_refused(known: Store, name: str, value: str, allowed: str) -> None:
    with pytest.raises(QuestionError, match=f"^{name}='{value}' is not allowed; allowed: {allowed}$"):
        ask(known, (name, value))


def test_a_page_of_a_period_that_is_named_is_made_again_once_something_came_in(
    store: Store, span: Callable[..., Span]
) -> None:
    def page() -> TracesAnswer:
        asked = [("since", "2026-11-22T10:00:00Z"), ("until", "2026-11-22T11:00:00Z"), ("order", "cost")]
        return answer_traces(store, read_selection(asked, OPTIONS, now=NOW))

    def told(answer: TracesAnswer) -> list[tuple[str, int, str | None]]:
        return [(trace.trace_id[:2], trace.spans, trace.cost_usd) for trace in answer.traces]

    at = round((NOW - timedelta(hours=2)).timestamp()) * 10**9
    starts = ((1, at), (2, at), (1, at + 5400 * 10**9))  # the last one half an hour after the period
    sent = [
        span(number, trace_id=bytes([trace]) * 16, start_time_unix_nano=start)
        for number, (trace, start) in enumerate(starts, start=1)
    ]
    first, second, third = ([read_span({}, "spanmeter", one, received_at=1)[0]] for one in sent)
    store.write(Batch(rows=first), token="1")
    pages = [page(), page()]
    store.write(Batch(rows=second), token="2")
    pages.append(page())
    entry = Charge(at, 1, "charge", bytes([2]) * 16, bytes(8), "input", usd=Decimal("0.5"))
    store.write(Batch(charges=[entry]), token="3")
    pages.append(page())
    store.write(Batch(rows=third), token="4")
    pages.append(page())

    assert pages[0] is pages[1]
    assert [*map(told, pages[1:])] == [
        [("01", 1, "0")],
        [("01", 1, "0"), ("02", 1, "0")],
        [("02", 1, "0.5"), ("01", 1, "0")],
        [("02", 1, "0.5"), ("01", 2, "0")],
    ]
