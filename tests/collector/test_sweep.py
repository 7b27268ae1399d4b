"""Dropping partitions of a real store: what goes, what stays, and what a late span does afterwards."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter.pricing import PriceBook
from spanmeter_collector.batch import Batch
from spanmeter_collector.counter import Counter
from spanmeter_collector.incoming import Received
from spanmeter_collector.posting import post
from spanmeter_collector.retention import Retention
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store
from spanmeter_collector.sweep import Clock, Sweep, sweeping
from spanmeter_collector.trace import UnknownTraceError, answer_trace

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]
Post = Callable[..., Batch]

NOW = round(datetime(2030, 1, 15, 12, tzinfo=UTC).timestamp())
DAY = 86_400
MONTH = Retention(span_days=30)


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


@pytest.fixture
def posted(
    store: Store, book: PriceBook, span: MakeSpan, request_of: MakeRequest, call_attributes: dict[str, Any]
) -> Post:
    """Post one call's span, so many days old, by number."""

    def post_one(number: int, *, days_old: int) -> Batch:
        start = (NOW - days_old * DAY) * 10**9
        came = span(number, start_time_unix_nano=start, end_time_unix_nano=start + 1, attributes=call_attributes)
        batch = post([Received.of(request_of(came), 1)], store=store, book=book, recorded_at=2)
        store.write(batch, token=f"{number}-{days_old}")
        return batch

    return post_one


def sweep(store: Store, retention: Retention, **options: Any) -> Sweep:
    still = Clock(now=lambda: NOW, elapsed=lambda: 0)
    given = {"status": Status(), "damaged": Path("/none"), "clock": still, **options}
    return Sweep(store, retention, **given)


def rows(store: Store) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in store.query("partitions", {}):
        found[one["table"]] = found.get(one["table"], 0) + one["rows"]
    return {table: found.get(table, 0) for table in ("spans", "charges", "counters", "dropped")}


def test_old_days_go_and_charges_stay(store: Store, posted: Post, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for days_old in (40, 31, 30, 0):
        posted(days_old + 1, days_old=days_old)
    store.write(Batch(counters=[Counter((NOW - 31 * DAY) * 10**9, 1, "s", "i", "n", {}, 1.0, 1)]), token="counters")
    status = Status()

    dropped = sweep(store, MONTH, status=status).run()

    assert [(one.partition.table, one.partition.name, one.partition.rows, one.reason) for one in dropped] == [
        ("counters", "20291215", 1, "age"),
        ("spans", "20291206", 1, "age"),
        ("spans", "20291215", 1, "age"),
    ]
    assert caplog.messages == ["retention dropped 3 partitions, 3 rows: 1 of counters by age, 2 of spans by age"]
    assert rows(store) == {"spans": 2, "charges": 16, "counters": 0, "dropped": 3}
    assert (
        status.registry.get_sample_value("spanmeter_collector_dropped_rows_total", {"table": "spans", "reason": "age"})
        == 2.0
    )


def test_charges_go_by_whole_months(store: Store, posted: Post) -> None:
    for days_old in (60, 45, 0):
        posted(days_old + 1, days_old=days_old)

    sweep(store, Retention(span_days=1, charge_days=45)).run()

    assert rows(store) == {"spans": 1, "charges": 8, "counters": 0, "dropped": 6}


def test_over_the_size_days_go_until_the_store_fits(store: Store, posted: Post) -> None:
    for days_old in (9, 8, 7):
        posted(days_old + 1, days_old=days_old)
    taken = sum(row["bytes"] for row in store.query("partitions", {}))

    dropped = sweep(store, Retention(most_bytes=taken - 1)).run()

    assert [(one.partition.name, one.reason) for one in dropped] == [("20300106", "size")]


def test_a_span_of_a_dropped_day_is_neither_stored_nor_charged(store: Store, posted: Post) -> None:
    posted(1, days_old=40)
    sweep(store, MONTH).run()

    again, late, in_time = posted(1, days_old=40), posted(2, days_old=40), posted(3, days_old=39)

    assert again == late == Batch(counters=[], too_old=1)
    assert (len(in_time.rows), in_time.too_old) == (1, 0)


def test_a_dropped_day_stays_closed_when_the_store_is_opened_again(store_url: str, store: Store, posted: Post) -> None:
    posted(1, days_old=40)
    sweep(store, MONTH).run()

    opened = Store.open(store_url)
    opened.close()

    assert opened.closed == {(NOW // DAY) - 40}


def test_a_trace_whose_spans_are_dropped_says_what_was_charged(store: Store, posted: Post) -> None:
    posted(1, days_old=40)
    sweep(store, MONTH).run()
    said = f"the spans of trace {'0a' * 16} were dropped; the ledger keeps what was charged: 1 call for $0.000195"

    with pytest.raises(UnknownTraceError, match=said.replace("$", r"\$")):
        answer_trace(store, "0a" * 16)


def test_after_the_clock_was_set_nothing_goes(store: Store, posted: Post, caplog: pytest.LogCaptureFixture) -> None:
    posted(1, days_old=2)
    times = iter([NOW, NOW + 40 * DAY])
    jumps = sweep(store, MONTH, clock=Clock(now=lambda: next(times), elapsed=lambda: 100))

    assert jumps.run() == []
    assert caplog.messages == [
        "the clock was set and says 2030-02-24 12:00:00+00:00: nothing is dropped before the next start"
    ]


def test_what_is_written_between_two_sweeps_waits_for_the_next(store: Store, posted: Post) -> None:
    began = time.time() - 100
    times = iter([began, began, began + 3600, began + 7200])
    hourly = sweep(store, MONTH, clock=Clock(now=lambda: next(times), elapsed=lambda: began))
    hourly.run()
    posted(1, days_old=2000)

    assert [len(hourly.run()), len(hourly.run())] == [0, 1]


def test_what_the_log_set_aside_is_kept_as_long_as_spans(store: Store, tmp_path: Path) -> None:
    for name, days_old in (("old", 31), ("new", 29)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (0, NOW - days_old * DAY))

    sweep(store, Retention(charge_days=1), damaged=tmp_path).run()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]
    sweep(store, MONTH, damaged=tmp_path).run()
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_store_that_refuses_is_counted_and_tried_again_later(
    store: Store, store_url: str, posted: Post, caplog: pytest.LogCaptureFixture
) -> None:
    posted(1, days_old=40)
    path, _, database = store_url.removeprefix("chdb://").partition("?database=")
    client = clickhouse_connect.get_client(interface="chdb", path=path, database=database)
    client.command("DROP TABLE dropped")
    client.close()
    status = Status()

    with sweeping(sweep(store, MONTH, status=status), status):
        pass

    assert status.registry.get_sample_value("spanmeter_collector_failed_sweeps_total") == 1.0
    assert caplog.messages == ["retention could not drop what is due; it is tried again in an hour"]


def test_a_sidecar_drops_at_its_start_keeps_the_ledger_and_refuses_late_spans(
    start_sidecar: Callable[..., Any], span: MakeSpan, request_of: MakeRequest, call_attributes: dict[str, Any]
) -> None:
    old = time.time_ns() - 10 * DAY * 10**9
    times = {"start_time_unix_nano": old, "end_time_unix_nano": old + 1}
    request = request_of(span(1, attributes=call_attributes, **times))
    protobuf = {"content_type": "application/x-protobuf"}
    first = start_sidecar()
    first.post("/v1/traces", request.SerializeToString(), **protobuf)
    first.settle()
    told = first.metric("spanmeter_calls_total")
    assert first.stop() == 0

    sidecar = start_sidecar(RETENTION_DAYS="1")
    deadline = time.monotonic() + 30
    while not sidecar.metric("spanmeter_collector_dropped_rows_total"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    answer = sidecar.post("/v1/traces", request.SerializeToString(), **protobuf)

    refused = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert refused.rejected_spans == 1
    assert refused.error_message.endswith(" is too old: the spans of that day were dropped")
    assert sidecar.metric('spanmeter_collector_refused_spans_total{reason="too_old"}') == 1
    assert sidecar.get("/api/v1/traces?since=30d")["total"] == 0
    assert sidecar.get("/api/v1/cost?since=30d")["total"]["cost_usd"] == "0.000195"
    assert told == sidecar.metric("spanmeter_calls_total") == 1
