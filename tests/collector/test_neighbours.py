"""Two sidecars on one ClickHouse server that take the same spans at one time: a minute later each counts once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter.pricing import PriceBook
from spanmeter_collector import cost, duplicates
from spanmeter_collector.batch import Batch
from spanmeter_collector.incoming import Received
from spanmeter_collector.intake import take_in
from spanmeter_collector.log import Log
from spanmeter_collector.neighbours import Neighbours, neighbourly
from spanmeter_collector.otlp import Signal
from spanmeter_collector.pipeline import Pipeline
from spanmeter_collector.posting import post
from spanmeter_collector.retention import Retention
from spanmeter_collector.selection import read_selection
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store
from spanmeter_collector.sweep import Clock, Sweep

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)
USD_A_CALL = "0.000195"


@dataclass
class One:
    """A sidecar as far as it has to do with others."""

    store: Store
    book: PriceBook
    status: Status
    neighbours: Neighbours
    ahead_s: float = 0

    def posts(self, request: ExportTraceServiceRequest) -> Batch:
        received = [Received.of(request, NOW_MS)]
        return post(received, store=self.store, book=self.book, recorded_at=NOW_MS)

    def writes(self, batch: Batch) -> None:
        self.store.write(batch, token=str(id(self)))

    def runs(self, *, minutes: int) -> int:
        self.ahead_s = minutes * 60
        return self.neighbours.run()

    def total(self, **options: str) -> tuple[int, str | None]:
        total = cost.answer_cost(self.store, _selection(cost.OPTIONS, **options)).total
        return total.calls, total.cost_usd

    def doubled(self) -> float | None:
        return self.status.registry.get_sample_value("spanmeter_collector_doubled_calls_total")


def _selection(options: Any, **query: str) -> Any:
    return read_selection([("since", "24h"), *query.items()], options, now=NOW)


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


def one(address: str, book: PriceBook) -> One:
    store, status = Store.open(address), Status()
    made = One(store, book, status, Neighbours(store, status, now=lambda: NOW.timestamp() + made.ahead_s))
    return made


@pytest.fixture
def both(request: pytest.FixtureRequest, server_url: str, book: PriceBook) -> Iterator[tuple[One, One]]:
    """Two sidecars with clocks of their own."""
    address = server_url + getattr(request, "param", "")
    pair = one(address, book), one(address, book)
    yield pair
    for each in pair:
        each.store.close()


@pytest.fixture
def calls(
    span: Callable[..., Span], request_of: Callable[..., ExportTraceServiceRequest], call_attributes: dict[str, Any]
) -> Callable[..., ExportTraceServiceRequest]:
    """A request of calls by number."""
    return lambda *numbers: request_of(*(span(number, attributes=call_attributes) for number in numbers))


@pytest.mark.parametrize("both", ["", "?cluster=one"], ids=["server", "cluster"], indirect=True)
def test_a_call_that_both_charged_is_charged_once_a_minute_later(
    both: tuple[One, One], calls: Callable[..., ExportTraceServiceRequest]
) -> None:
    here, there = both
    batches = here.posts(calls(1, 2)), there.posts(calls(2, 3))
    for each, batch in zip(both, batches, strict=True):
        each.writes(batch)
    assert here.total() == (4, "0.00078")

    with ThreadPoolExecutor(2) as threads:
        corrected = sorted(threads.map(lambda each: each.runs(minutes=1), both))

    assert corrected == [0, 1]
    assert [each.total() for each in both] == [(3, "0.000585")] * 2
    assert here.total(group_by="hour") == here.total(group_by="session") == (3, "0.000585")  # by rollup, by entry
    assert (here.doubled() or 0) + (there.doubled() or 0) == 1
    audit = duplicates.answer_duplicates(there.store, _selection(duplicates.OPTIONS)).rows
    assert [(row.span_id, row.reason, row.usd) for row in audit] == [((2).to_bytes(8).hex(), "same_span", USD_A_CALL)]
    assert [each.runs(minutes=minutes) for each in both for minutes in (2, 20)] == [0, 0, 0, 0]
    assert here.total() == (3, "0.000585")


def test_what_both_left_out_is_left_out_once(
    both: tuple[One, One],
    span: Callable[..., Span],
    calls: Callable[..., ExportTraceServiceRequest],
    call_attributes: Any,
) -> None:
    request = calls(1)
    wrapper = span(2, attributes=call_attributes | {"spanmeter.wrapper": True})
    request.resource_spans[0].scope_spans[0].spans.append(wrapper)
    for each, batch in [(each, each.posts(request)) for each in both]:
        each.writes(batch)

    both[0].runs(minutes=1)
    both[1].runs(minutes=2)

    answer = duplicates.answer_duplicates(both[0].store, _selection(duplicates.OPTIONS))
    assert {reason: figures.calls for reason, figures in answer.by_reason.items()} == {"wrapper": 1, "same_span": 1}
    assert both[0].total() == (1, USD_A_CALL)


def test_a_minute_is_one_sidecars_turn(both: tuple[One, One]) -> None:
    here, there = both
    turns = [each.store.take_turn(minute, name) for minute in (0, 60) for each, name in ((here, "a"), (there, "b"))]

    assert turns == [True, False, True, False]
    assert there.store.take_turn(120, "b")
    assert not here.store.take_turn(120, "a")


def test_pipelines_that_get_the_same_requests_charge_each_call_once_in_the_end(
    both: tuple[One, One], calls: Callable[..., ExportTraceServiceRequest], tmp_path: Path
) -> None:
    logs = [Log.open(tmp_path / name) for name in "ab"]
    pipelines = [
        Pipeline(log=log, store=each.store, book=each.book, status=each.status, now=lambda: NOW_MS * 1_000_000)
        for log, each in zip(logs, both, strict=True)
    ]
    for pipeline in pipelines:
        pipeline.start()
    for number in range(1, 31):
        request = calls(number)
        intake = take_in(Signal.TRACES, request.SerializeToString())
        taken = [pipeline.submit(Signal.TRACES, intake, transport="http") for pipeline in pipelines]
        for acknowledged in taken:
            acknowledged.result(20)
    for pipeline, log in zip(pipelines, logs, strict=True):
        pipeline.close(within_s=30)
        log.close()

    both[0].runs(minutes=1)

    known = sum(each.status.registry.get_sample_value("spanmeter_collector_repeated_spans_total") or 0 for each in both)
    assert both[1].total() == (30, "0.00585")
    assert known + (both[0].doubled() or 0) >= 30  # or both: one may store its span before the other charged it


def test_a_day_that_one_dropped_is_closed_for_the_other(
    both: tuple[One, One], span: Callable[..., Span], request_of: Any, call_attributes: Any
) -> None:
    here, there = both
    old = round((NOW.timestamp() - 40 * 86_400) * 1e9)
    request = request_of(span(1, attributes=call_attributes, start_time_unix_nano=old, end_time_unix_nano=old + 1))
    here.writes(here.posts(request))
    later = Clock(now=lambda: time.time() + 86_400, elapsed=lambda: 0)
    Sweep(here.store, Retention(span_days=30), Status(), damaged=Path("/none"), clock=later).run()

    with neighbourly(there.store, there.status):
        deadline = time.monotonic() + 20
        while not there.store.closed:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    assert there.store.closed == here.store.closed
    assert there.posts(request).too_old == 1


def test_an_embedded_store_has_no_neighbours(store: Store) -> None:
    with neighbourly(store, Status()):
        assert "neighbours" not in {thread.name for thread in threading.enumerate()}
