from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter.pricing import PriceBook
from spanmeter.pricing.whole import WholeCost
from spanmeter_collector.backlog import Limits
from spanmeter_collector.batch import Batch
from spanmeter_collector.intake import Intake
from spanmeter_collector.log import Log
from spanmeter_collector.otlp import Signal
from spanmeter_collector.pipeline import DiskFullError, Pipeline, UnavailableError
from spanmeter_collector.record import Record
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]
StartPipeline = Callable[..., Pipeline]


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


@pytest.fixture
def status() -> Status:
    return Status()


@pytest.fixture
def start_pipeline(tmp_path: Path, store: Store, book: PriceBook, status: Status) -> Iterator[StartPipeline]:
    logs: list[Log] = []

    def start(**options: Any) -> Pipeline:
        logs.append(Log.open(tmp_path / "log"))
        pipeline = Pipeline(log=logs[-1], store=store, book=book, status=status, **options)
        pipeline.start()
        return pipeline

    yield start
    for log in logs:
        log.close()


@pytest.fixture
def send(request_of: MakeRequest, span: MakeSpan, call_attributes: dict[str, Any]) -> Callable[..., None]:
    """Submit one call's span and wait for the acknowledgement."""

    def send_to(pipeline: Pipeline, number: int) -> None:
        body = request_of(span(number, attributes=call_attributes)).SerializeToString()
        pipeline.submit(Signal.TRACES, Intake(body, 1), transport="http").result(10)

    return send_to


def test_requests_are_let_go_without_the_collector_of_garbage(start_pipeline: StartPipeline, send: Any) -> None:
    pipeline = start_pipeline()
    gc.collect()
    gc.disable()
    for number in range(1, 21):
        send(pipeline, number)
    kept = [found for found in gc.get_objects() if type(found).__name__ == "_Entry"]
    gc.enable()
    pipeline.close(within_s=10)
    assert len(kept) < 5  # the worker still holds its last group


def test_a_disk_that_is_nearly_full_and_has_room_again_is_logged_once(
    start_pipeline: StartPipeline, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start_pipeline(limits=Limits(free_bytes=10**18))
    with caplog.at_level("INFO", "spanmeter_collector.pipeline"):
        for _ in range(2):
            with pytest.raises(DiskFullError):
                pipeline.check_room()
        monkeypatch.setattr(pipeline._backlog, "_limits", Limits(free_bytes=0))
        for _ in range(2):
            pipeline.check_room()
    pipeline.close(within_s=10)
    full, again = [record.getMessage() for record in caplog.records]
    assert full.startswith("the disk is nearly full: ")
    assert full.endswith(
        " bytes are free, 1,000,000,000,000,000,000 are needed: requests are refused until there is room"
    )
    assert again == "the disk has room again: requests are taken"


def count(store: Store, table: str) -> int:
    keys = [(b"\x0a" * 16, b"")]
    return len(store.known(table, keys, since_ns=1_795_352_400_000_000_000, until_ns=1_795_352_401_000_000_000))


def metric(status: Status, name: str) -> float:
    return sum(
        sample.value
        for family in status.registry.collect()
        for sample in family.samples
        if sample.name == f"spanmeter_collector_{name}"
    )


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_acknowledged_span_is_stored_and_charged_without_more_to_come(
    start_pipeline: StartPipeline, store: Store, status: Status, send: Callable[..., None]
) -> None:
    pipeline = start_pipeline()
    send(pipeline, 1)

    wait_until(lambda: metric(status, "pending_spans") == 0)

    assert (count(store, "spans"), count(store, "charges"), metric(status, "stored_spans_total")) == (1, 1, 1)
    assert metric(status, "log_bytes") == 0
    pipeline.close(within_s=10)


def test_closing_stores_what_is_pending_and_takes_nothing_more(
    start_pipeline: StartPipeline, store: Store, send: Callable[..., None]
) -> None:
    pipeline = start_pipeline()
    for number in range(1, 6):
        send(pipeline, number)

    pipeline.close(within_s=10)

    assert count(store, "spans") == 5
    with pytest.raises(UnavailableError, match="the sidecar is not taking requests; see /ready"):
        send(pipeline, 6)


def test_closing_ends_in_time_and_leaves_the_rest_in_the_log(
    start_pipeline: StartPipeline, store: Store, send: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = store.write

    def write_slowly(batch: Batch, *, token: str) -> None:
        time.sleep(0.2)
        write(batch, token=token)

    monkeypatch.setattr("spanmeter_collector.storing._BATCH_SPANS", 1)
    monkeypatch.setattr(store, "write", write_slowly)
    pipeline = start_pipeline()
    for number in range(1, 21):
        send(pipeline, number)

    started = time.monotonic()
    pipeline.close(within_s=0.3)

    assert time.monotonic() - started < 2
    pipeline._log.close()
    monkeypatch.undo()
    start_pipeline().close(within_s=60)
    assert count(store, "spans") == 20


def test_a_span_sent_twice_is_stored_and_charged_once(
    start_pipeline: StartPipeline, store: Store, status: Status, send: Callable[..., None]
) -> None:
    for _ in range(2):
        pipeline = start_pipeline()
        send(pipeline, 1)
        send(pipeline, 1)
        pipeline.close(within_s=10)
        pipeline._log.close()

    assert (count(store, "spans"), count(store, "charges")) == (1, 1)
    assert (metric(status, "stored_spans_total"), metric(status, "repeated_spans_total")) == (1, 3)


def _client(store_url: str) -> Any:
    path, _, database = store_url.removeprefix("chdb://").partition("?database=")
    return clickhouse_connect.get_client(interface="chdb", path=path, database=database)


def test_a_refusing_store_turns_readiness_red_and_loses_nothing(
    start_pipeline: StartPipeline, store: Store, store_url: str, status: Status, send: Callable[..., None]
) -> None:
    client = _client(store_url)
    client.command("RENAME TABLE spans TO away")
    pipeline = start_pipeline(limits=Limits(pending_spans=1))
    send(pipeline, 1)

    wait_until(lambda: not status.ready)
    assert status.checks()["store"].startswith("cannot write: ")
    with pytest.raises(UnavailableError, match="1 spans wait for the store; try again later"):
        send(pipeline, 2)

    client.command("RENAME TABLE away TO spans")
    client.close()
    wait_until(lambda: status.ready)
    assert (count(store, "spans"), count(store, "charges")) == (1, 1)
    pipeline.close(within_s=10)


def test_a_log_that_cannot_be_written_acknowledges_nothing_until_it_can(
    tmp_path: Path, start_pipeline: StartPipeline, store: Store, status: Status, send: Callable[..., None]
) -> None:
    pipeline = start_pipeline()
    shutil.rmtree(tmp_path / "log")

    with pytest.raises(FileNotFoundError):
        send(pipeline, 1)
    assert status.checks()["log"].startswith("cannot append: ")

    (tmp_path / "log").mkdir()
    send(pipeline, 2)
    pipeline.close(within_s=10)
    assert (status.ready, count(store, "spans"), metric(status, "received_spans_total")) == (True, 1, 1)


def test_a_sender_that_waits_no_longer_ends_nothing(
    start_pipeline: StartPipeline, store: Store, status: Status, send: Callable[..., None]
) -> None:
    pipeline = start_pipeline()
    for _ in range(50):
        pipeline.submit(Signal.TRACES, Intake(b""), transport="http").cancel()
    send(pipeline, 1)
    pipeline.close(within_s=10)

    assert (count(store, "spans"), status.ready) == (1, True)


def test_what_an_earlier_run_left_in_the_log_is_stored_at_the_start(
    tmp_path: Path, start_pipeline: StartPipeline, store: Store, store_url: str, send: Callable[..., None]
) -> None:
    client = _client(store_url)
    client.command("RENAME TABLE spans TO away")
    pipeline = start_pipeline()
    send(pipeline, 1)
    pipeline.close(within_s=10)
    pipeline._log.close()
    client.command("RENAME TABLE away TO spans")
    client.close()
    assert count(store, "spans") == 0

    start_pipeline().close(within_s=10)

    assert (count(store, "spans"), count(store, "charges")) == (1, 1)
    assert list((tmp_path / "log").glob("damaged/*")) == []


def test_a_record_that_is_no_request_is_counted_and_left_out(
    tmp_path: Path, start_pipeline: StartPipeline, store: Store, status: Status, send: Callable[..., None]
) -> None:
    log = Log.open(tmp_path / "log")

    log.append([Record(1, 1, b"garbage"), Record(1, 99, b"")])
    log.close()

    pipeline = start_pipeline()
    send(pipeline, 1)
    pipeline.close(within_s=10)

    assert (count(store, "spans"), metric(status, "refused_requests_total")) == (1, 2)


class TornBook(PriceBook):
    """A price book with a fault of ours in it."""

    def whole(self, *_: Any, **__: Any) -> WholeCost:
        raise ZeroDivisionError("no such rate")


def test_a_fault_of_ours_turns_readiness_red_and_loses_nothing(
    tmp_path: Path, store: Store, book: PriceBook, status: Status, send: Callable[..., None]
) -> None:
    log = Log.open(tmp_path / "log")
    pipeline = Pipeline(log=log, store=store, book=TornBook(book.listing), status=status)
    pipeline.start()
    send(pipeline, 1)
    wait_until(lambda: not status.ready)
    assert status.checks()["store"].startswith("cannot write: ZeroDivisionError: no such rate (since 20")

    pipeline.use(book)
    wait_until(lambda: status.ready)

    assert (count(store, "spans"), count(store, "charges"), metric(status, "pending_spans")) == (1, 1, 0)
    pipeline.close(within_s=10)
    log.close()
