from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client.exposition import generate_latest

from spanmeter_collector.backlog import Amount, Backlog, Limits
from spanmeter_collector.log import Position
from spanmeter_collector.status import Status


def test_it_is_ready_until_a_check_has_a_reason_why_not() -> None:
    times = (datetime(2026, 11, 22, 13, second, tzinfo=UTC) for second in range(60))
    status = Status(now=lambda: next(times))
    assert (status.ready, status.checks()) == (True, {"log": "ok", "store": "ok"})

    for reason in ("cannot write: disk full", "cannot write: disk on fire"):
        status.report("store", reason)
        said = f"{reason} (since 2026-11-22T13:00:00+00:00)"
        assert (status.ready, status.checks()) == (False, {"log": "ok", "store": said})

    status.report("store")
    assert (status.ready, status.checks()) == (True, {"log": "ok", "store": "ok"})
    status.report("store", "cannot write")
    assert status.checks()["store"].startswith("cannot write (since 2026-11-22T13:")


def test_it_tells_of_the_backlog() -> None:
    status, backlog = Status(), Backlog(Limits())
    status.watch(backlog)
    backlog.wait(Position(1, 100), Amount(7, 100), for_s=60)

    lines = generate_latest(status.registry).splitlines()
    assert b"spanmeter_collector_pending_spans 7.0" in lines
    assert b"spanmeter_collector_log_bytes 100.0" in lines
    (lag,) = (line for line in lines if line.startswith(b"spanmeter_collector_log_lag_seconds "))
    assert 60 <= float(lag.split()[1]) < 120


def test_a_backlog_that_lags_or_refuses_is_a_component_that_is_not_well() -> None:
    status, backlog = Status(), Backlog(Limits(pending_spans=7))
    status.watch(backlog)
    assert status.components()["backlog"] == ("ok", "")

    backlog.wait(Position(1, 100), Amount(7, 100), for_s=100)
    assert status.components()["backlog"] == (
        "degraded",
        "requests are refused: 7 spans wait for the store; the oldest of 7 spans has waited 100 s for the store",
    )
    assert status.ready


def test_a_check_that_is_asked_for_is_made_each_time() -> None:
    status = Status()
    answers = iter(["nearly full", "ok"])
    status.ask("disk", lambda: next(answers))

    assert [status.checks()["disk"], status.ready] == ["nearly full", True]


def test_it_tells_of_the_memory_of_the_process() -> None:
    (resident,) = (
        sample.value
        for family in Status().registry.collect()
        for sample in family.samples
        if sample.name == "process_resident_memory_bytes"
    )

    assert resident > 2**20


def test_each_status_counts_for_itself() -> None:
    one, other = Status(), Status()

    one.received_requests.labels(transport="http").inc(2)

    line = b'spanmeter_collector_received_requests_total{transport="http"} 2.0\n'
    assert line in generate_latest(one.registry)
    assert line not in generate_latest(other.registry)


def test_the_families_are_those_of_the_contract() -> None:
    status = Status()
    names = {family.name.removeprefix("spanmeter_collector_") for family in status.registry.collect()}

    assert {name for name in names if not name.startswith("process_")} == {
        "batch_spans",
        "doubled_calls",
        "dropped_partitions",
        "dropped_rows",
        "failed_sweeps",
        "ignored_metrics",
        "log_bytes",
        "log_lag_seconds",
        "log_sync_seconds",
        "mended",
        "pending_spans",
        "price_book_info",
        "received_requests",
        "received_spans",
        "refused_requests",
        "refused_spans",
        "repeated_spans",
        "store_write_seconds",
        "stored_spans",
        "up_seconds",
    }
