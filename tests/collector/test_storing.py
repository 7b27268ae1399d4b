from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter.pricing import PriceBook
from spanmeter.pricing.whole import WholeCost
from spanmeter_collector.intake import Intake
from spanmeter_collector.log import Log
from spanmeter_collector.otlp import Request, Signal, span_count
from spanmeter_collector.pipeline import Pipeline
from spanmeter_collector.record import Record
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store

START_NS = 1_795_352_400_000_000_000
DAY_NS = 86_400_000_000_000
TABLES = ("spans", "charges", "duplicates")
Call = Callable[..., Span]


class PickyBook(PriceBook):
    """A price book that one model is too much for."""

    def whole(self, *known: Any, **more: Any) -> WholeCost:
        if "cursed" in repr((known, more)):
            raise ZeroDivisionError("no such rate")
        return super().whole(*known, **more)


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanmeter_collector.storing._FIRST_WAIT_S", 0.02)
    monkeypatch.setattr("spanmeter_collector.storing._BATCH_SECONDS", 0.2)


class Bench:
    """A pipeline on a log and a store that can be started anew, and what it has stored."""

    def __init__(self, log: Path, store: Store, client: Any, request_of: Callable[..., Any]) -> None:
        self.log = log
        self.client = client
        self.status = Status()
        self._store = store
        self._request_of = request_of
        self._book = PickyBook(PriceBook.load().listing)
        self._running: list[tuple[Pipeline, Log]] = []

    def start(self, **options: Any) -> None:
        self.stop()
        log = Log.open(self.log)
        pipeline = Pipeline(log=log, store=self._store, book=self._book, status=self.status, **options)
        self._running.append((pipeline, log))
        pipeline.start()

    def stop(self) -> None:
        while self._running:
            pipeline, log = self._running.pop()
            pipeline.close(within_s=10)
            log.close()

    def request(self, *spans: Span) -> Request:
        request: Request = self._request_of(*spans)
        return request

    def send(self, *spans: Span) -> None:
        self.submit(Signal.TRACES, self.request(*spans))

    def submit(self, signal: Signal, request: Request) -> None:
        metrics = request if isinstance(request, ExportMetricsServiceRequest) else None
        intake = Intake(request.SerializeToString(), span_count(request), metrics)
        self._running[0][0].submit(signal, intake, transport="http").result(10)

    def rows(self) -> dict[str, int]:
        return {table: self.ask(f"count() AS found FROM {table}")["found"] for table in TABLES}

    def ask(self, question: str) -> dict[str, Any]:
        (answer,) = self.client.query(f"SELECT {question}").named_results()
        return dict(answer)

    def metric(self, name: str, **labels: str) -> float:
        return self.status.registry.get_sample_value(f"spanmeter_collector_{name}", labels) or 0

    def settle(self) -> None:
        wait_until(lambda: not self.metric("pending_spans"))


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def bench(tmp_path: Path, store: Store, store_url: str, request_of: Callable[..., Any]) -> Iterator[Bench]:
    path, _, database = store_url.removeprefix("chdb://").partition("?database=")
    client = clickhouse_connect.get_client(interface="chdb", path=path, database=database)
    bench = Bench(tmp_path / "log", store, client, request_of)
    bench.start()
    yield bench
    bench.stop()
    client.close()


@pytest.fixture
def call(span: Callable[..., Span], call_attributes: dict[str, Any]) -> Call:
    """A span of a call by number; `model` is the model it asked for."""

    def make(number: int, *, model: str = "gpt-4o-mini", **fields: Any) -> Span:
        return span(number, attributes=call_attributes | {"gen_ai.request.model": model}, **fields)

    return make


def test_a_log_read_again_in_other_batches_adds_nothing(
    bench: Bench, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 9):
        bench.send(call(number), call(1 + number // 2), call(number, trace_id=number.to_bytes(16)))
    bench.settle()
    found = bench.rows()
    assert found["spans"] == 16

    segments = {path: path.read_bytes() for path in bench.log.glob("*.log")}
    bench.stop()
    for batch in (1, 5, 16_384):
        monkeypatch.setattr("spanmeter_collector.storing._BATCH_SPANS", batch)
        (bench.log / "checkpoint").unlink()
        for path, held in segments.items():
            path.write_bytes(held)
        bench.start()
        bench.settle()
        bench.stop()
        assert bench.rows() == found


def test_a_crash_between_spans_and_charges_is_made_good(bench: Bench, call: Call) -> None:
    bench.send(call(1))
    bench.settle()
    whole = bench.rows()

    bench.client.command("ALTER TABLE charges ADD CONSTRAINT never CHECK usd = 7")
    bench.send(call(2))
    wait_until(lambda: not bench.status.ready)
    assert bench.rows() == {**whole, "spans": 2}

    bench.start()
    bench.client.command("ALTER TABLE charges DROP CONSTRAINT never")
    bench.settle()
    assert bench.rows() == {table: 2 * found for table, found in whole.items()}


def test_a_request_that_cannot_be_stored_is_set_aside_and_holds_up_no_other(bench: Bench, call: Call) -> None:
    for number in range(1, 10):
        bench.send(call(number, model="cursed" if number == 4 else "gpt-4o-mini"))
    bench.settle()

    assert bench.rows()["spans"] == 8
    assert bench.metric("refused_requests_total", reason="not_storable") == 1
    (kept,) = (bench.log / "damaged").iterdir()
    assert b"cursed" in kept.read_bytes()
    assert bench.status.ready
    bench.start()
    assert bench.metric("pending_spans") == 0


def test_a_request_that_cannot_be_stored_waits_until_others_can(bench: Bench, call: Call) -> None:
    bench.send(call(1, model="cursed"))
    wait_until(lambda: not bench.status.ready)
    assert bench.status.checks()["store"].startswith("cannot write: ZeroDivisionError: no such rate (since ")
    time.sleep(0.2)
    assert (bench.status.ready, bench.metric("pending_spans")) == (False, 1)

    bench.send(call(2))
    wait_until(lambda: bench.status.ready)
    assert (bench.rows()["spans"], bench.metric("pending_spans")) == (1, 0)


def test_what_waited_long_enough_before_waits_no_more(
    bench: Bench, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanmeter_collector.storing._BATCH_SECONDS", 3600)
    bench.stop()
    log = Log.open(bench.log)
    body = bench.request(call(1)).SerializeToString()
    log.append([Record(1, Signal.TRACES.value, body, spans=1)])
    log.close()

    bench.start()
    wait_until(lambda: bench.rows()["spans"] == 1)


def test_what_is_no_request_is_set_aside(bench: Bench, call: Call) -> None:
    bench.stop()
    log = Log.open(bench.log)
    log.append([Record(1, 1, b"garbage"), Record(1, 99, b"")])
    log.close()

    bench.start()
    bench.send(call(1))
    bench.settle()

    assert bench.metric("refused_requests_total", reason="damaged_log") == 2
    assert len(list((bench.log / "damaged").iterdir())) == 2


def test_a_request_that_is_none_for_the_store_is_set_aside_as_well(bench: Bench, call: Call) -> None:
    bench.stop()
    log = Log.open(bench.log)
    log.append([Record(1, 1, b"garbage", spans=3)])
    log.close()

    bench.start()
    bench.send(call(1))
    bench.settle()

    assert bench.metric("refused_requests_total", reason="not_storable") == 1
    assert bench.rows()["spans"] == 1


def test_what_was_read_before_something_that_cannot_be_set_aside_is_stored(bench: Bench, call: Call) -> None:
    bench.stop()
    log = Log.open(bench.log)
    log.append([Record(1, 1, bench.request(call(1)).SerializeToString(), spans=1), Record(1, 99, b"")])
    log.close()
    (bench.log / "damaged").write_bytes(b"in the way")

    bench.start()
    wait_until(lambda: not bench.status.ready)
    (bench.log / "damaged").unlink()
    bench.settle()

    assert (bench.rows()["spans"], bench.metric("refused_requests_total", reason="damaged_log")) == (1, 1)


@pytest.mark.parametrize("jump_ns", [-400 * DAY_NS, 400 * DAY_NS], ids=["back", "forth"])
def test_a_clock_that_jumps_loses_and_doubles_nothing(bench: Bench, call: Call, jump_ns: int) -> None:
    for step, jumped in enumerate((0, jump_ns, DAY_NS)):
        bench.start(now=lambda jumped=jumped: START_NS + jumped)
        bench.send(call(1), call(2 + step))
        bench.settle()

    assert (bench.rows()["spans"], bench.metric("repeated_spans_total")) == (4, 2)
    assert bench.ask("sum(calls) AS calls, toString(sum(usd)) AS usd FROM charges") == {"calls": 4, "usd": "0.00078"}


def test_counters_that_are_stored_twice_are_equal_rows(bench: Bench) -> None:
    request = ExportMetricsServiceRequest()
    told = request.resource_metrics.add().scope_metrics.add().metrics.add(name="spanmeter.client.calls")
    told.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    told.sum.data_points.add(time_unix_nano=START_NS, as_int=7)
    bench.submit(Signal.METRICS, request)
    bench.stop()
    (bench.log / "checkpoint").unlink()
    bench.start()
    bench.stop()

    assert bench.ask("uniqExact(time, start_time, name, value) AS different FROM counters") == {"different": 1}
