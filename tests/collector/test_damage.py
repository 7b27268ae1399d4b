"""Parts whose small files are empty, as the engine leaves them where the disk fills up under an insert."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter.pricing import PriceBook
from spanmeter_collector import cost, latency, room
from spanmeter_collector.batch import Batch
from spanmeter_collector.incoming import Received
from spanmeter_collector.posting import post
from spanmeter_collector.room import RoomError
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
TABLES = ("spans", "charges", "charge_sums", "span_sums", "ledger_totals")
Write = Callable[[], None]


@pytest.fixture
def write(
    store: Store,
    span: Callable[..., Span],
    request_of: Callable[..., ExportTraceServiceRequest],
    call_attributes: dict[str, Any],
) -> Write:
    """Post two calls as the log's first batch, as often as it is asked for."""
    request, book = request_of(*(span(number, attributes=call_attributes) for number in (1, 2))), PriceBook.load()

    def write_once() -> None:
        store.finish()
        store.write(post([Received.of(request, 1)], store=store, book=book, recorded_at=2), token="1")

    return write_once


def figures(store: Store) -> list[Any]:
    """Rows and calls in tables and rollups, and spans in theirs."""
    questions = [
        "SELECT count() FROM spans",
        "SELECT sum(calls) FROM charges",
        "SELECT sum(calls), sum(entries) FROM charge_sums WHERE level = 'models_by_hour'",
        "SELECT sum(entries) FROM span_sums WHERE level = 'operations_by_hour'",
        "SELECT sum(calls) FROM ledger_totals",
        "SELECT sum(entries) FROM span_totals WHERE family = ''",
    ]
    total = cost.answer_cost(store, read_selection([("since", "7d")], cost.OPTIONS, now=NOW)).total
    spans = latency.answer_latency(store, read_selection([("since", "7d")], latency.OPTIONS, now=NOW)).total
    asked = [store._writer.query(question).result_rows[0] for question in questions]
    return [*asked, (total.calls, total.cost_usd), spans.count]


WHOLE = [(2,), (2,), (2, 8), (2,), (2,), (2,), (2, "0.00039"), 2]


def empty(store: Store, *tables: str) -> None:
    """Leave the newest parts of tables without their checksums."""
    which = "active AND database = currentDatabase() AND has({tables:Array(String)}, table)"
    sql = f"SELECT path FROM system.parts WHERE {which}"
    for (path,) in store._writer.query(sql, parameters={"tables": [*tables]}).result_rows:
        Path(path, "checksums.txt").write_bytes(b"")


@pytest.mark.parametrize("tables", [("spans",), ("charges",), TABLES[2:], TABLES])
def test_what_was_damaged_while_the_disk_was_full_is_written_again(
    store: Store, write: Write, tables: tuple[str, ...]
) -> None:
    write()
    assert figures(store) == WHOLE
    empty(store, *tables)
    store._writing._torn_since = time.time() - 60

    write()

    assert figures(store) == WHOLE


def test_a_write_under_which_the_disk_filled_up_fails_where_it_is_not_whole(
    store: Store, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert_all = store._writing._insert_all

    def insert_and_fill(batch: Batch, token: str) -> None:
        insert_all(batch, token)
        empty(store, "spans")
        monkeypatch.setattr(room, "LEAST_BYTES", 2**62)

    monkeypatch.setattr(store._writing, "_insert_all", insert_and_fill)
    with pytest.raises(RoomError, match=r"^the disk filled up: part 20261122_\d+_\d+_0 of spans is not whole$"):
        write()
    with pytest.raises(RoomError, match=r"^the disk is full: \d+ bytes are free"):
        write()
    monkeypatch.undo()
    write()

    assert figures(store) == WHOLE


def test_what_was_posted_before_damage_was_found_is_not_written(store: Store, write: Write) -> None:
    write()
    empty(store, "spans")
    store._writing._torn_since = time.time() - 60

    with pytest.raises(RoomError, match=r"^parts of the last write were damaged: look again at what is stored$"):
        store.write(Batch(), token="2")
    write()

    assert figures(store) == WHOLE


@pytest.mark.parametrize("tables", [("spans",), ("charge_sums",), ("spans", "charges")])
def test_what_a_start_finds_damaged_is_stored_again_from_the_log(
    store_url: str, write: Write, store: Store, tables: tuple[str, ...]
) -> None:
    write()
    empty(store, *tables)
    for table in tables:  # what a start does with each table
        store._writer.command(f"DETACH TABLE {table} SYNC")
        store._writer.command(f"ATTACH TABLE {table}")
    reopened = Store.open(store_url)
    store._writing = reopened._writing
    write()
    again = Store.open(store_url)

    assert figures(again) == WHOLE
    assert (reopened.damaged_parts, again.damaged_parts) == (len(tables), 0)
    again.close()
    reopened.close()
