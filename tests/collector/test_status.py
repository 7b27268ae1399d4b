from __future__ import annotations

from prometheus_client.exposition import generate_latest

from spanmeter_collector.status import Status


def test_it_is_ready_until_a_check_has_a_reason_why_not() -> None:
    status = Status()
    assert (status.ready, status.checks()) == (True, {"log": "ok", "store": "ok"})

    status.report("store", "cannot write: disk full")
    assert (status.ready, status.checks()) == (False, {"log": "ok", "store": "cannot write: disk full"})

    status.report("store")
    assert (status.ready, status.checks()) == (True, {"log": "ok", "store": "ok"})


def test_each_status_counts_for_itself() -> None:
    one, other = Status(), Status()

    one.received_requests.labels(transport="http").inc(2)

    line = b'spanmeter_collector_received_requests_total{transport="http"} 2.0\n'
    assert line in generate_latest(one.registry)
    assert line not in generate_latest(other.registry)


def test_the_families_are_those_of_the_contract() -> None:
    names = {family.name.removeprefix("spanmeter_collector_") for family in Status().registry.collect()}

    assert names == {
        "batch_spans",
        "dropped_partitions",
        "dropped_rows",
        "failed_sweeps",
        "ignored_metrics",
        "log_bytes",
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
