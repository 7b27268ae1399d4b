from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector.batch import Batch
from spanmeter_collector.charge import Charge
from spanmeter_collector.counter import Counter
from spanmeter_collector.row import Row, read_span
from spanmeter_collector.store import ClosedError, Store

MakeSpan = Callable[..., Span]
START = 1_795_352_400_000_000_007
TRACE = b"\x0a" * 16
CENT = Decimal("0.010000000001")
AT_ONCE = {"mutations_sync": 1}


def row_of(span: Span) -> Row:
    return read_span({}, "spanmeter", span, received_at=START // 1_000_000)[0]


def charge(number: int = 1, **known: Any) -> Charge:
    fields: dict[str, Any] = {
        "time": START,
        "recorded_at": START // 1_000_000,
        "entry": "charge",
        "trace_id": TRACE,
        "span_id": number.to_bytes(8, "big"),
        "component": "call",
        "calls": 1,
        "usd": CENT,
        "tags": {"a": "b"},
    }
    return Charge(**(fields | known))


def known(store: Store, table: str, *numbers: int) -> set[int]:
    keys = [(TRACE, number.to_bytes(8, "big")) for number in numbers]
    found = store.known(table, keys, since_ns=START, until_ns=START)
    return {int.from_bytes(span_id, "big") for _, span_id in found}


def total(store: Store) -> tuple[int, Decimal | None]:
    fragments = {"dimensions": "materialize('') AS dim_0", "keys": "dim_0", "filters": "true", "order": "dim_0"}
    fragments |= {"within": "true", "unpriced": "''"}
    fragments["source"] = (
        "(SELECT *, 1 AS entries FROM charges WHERE time < fromUnixTimestamp64Micro({until:Int64}, 'UTC'))"
    )
    row, *_ = store.query("cost", {"until": 2 * START // 1000, "limit": 2}, fragments)
    return row["calls"], row["cost_usd"]


def test_what_was_written_is_there_at_once_and_exact(store: Store, span: MakeSpan) -> None:
    store.write(
        Batch(
            [row_of(span(1)), row_of(span(2))],
            [charge(number) for number in range(1, 1001)],
            [Counter(time=1, start_time=0, service="", instance="", name="n", attributes={}, value=1.0, received_at=2)],
        ),
        token="1",
    )

    assert known(store, "spans", 1, 2, 3) == {1, 2}
    assert known(store, "charges", 1) >= {1, 1000}
    assert total(store) == (1000, CENT * 1000)


def test_unpriced_is_null_and_not_zero(store: Store) -> None:
    store.write(Batch(charges=[charge(usd=None, unpriced_calls=1)]), token="1")

    assert total(store) == (1, None)


def test_many_threads_ask_and_write_at_once(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        writes = [
            threads.submit(store.write, Batch(charges=[charge(number)]), token=str(number)) for number in range(20)
        ]
        asks = [threads.submit(total, store) for _ in range(40)]

    assert [write.exception() for write in writes] == [None] * 20
    assert {ask.result()[0] for ask in asks} <= set(range(21))
    assert total(store) == (20, CENT * 20)


def test_parameters_are_data_and_never_sql(store: Store) -> None:
    hostile = "') OR 1=1; DROP TABLE charges --"
    store.write(Batch(charges=[charge(model=hostile)]), token="1")

    store.query("known_charges", {"since": 0, "until": 1, "trace_ids": [hostile]})

    assert total(store) == (1, CENT)


def test_a_reopened_store_still_has_everything(store_url: str, store: Store) -> None:
    store.write(Batch(charges=[charge()]), token="1")
    again = Store.open(store_url)

    again.write(Batch(charges=[charge()]), token="1")

    assert total(again) == (1, CENT)
    again.close()


def test_a_ledger_of_an_older_version_is_given_its_index(store_url: str) -> None:
    store = Store.open(store_url)
    store.write(Batch([], [charge()], []), token="1")
    with store._reader() as client:
        client.command(f"ALTER TABLE {store.layout.altered('charges')} DROP INDEX recorded_index", settings=AT_ONCE)
    store.close()
    again = Store.open(store_url)
    sizes = "SELECT sum(marks_bytes) FROM system.data_skipping_indices WHERE name = 'recorded_index'"
    with again._reader() as client:
        deadline = time.monotonic() + 60
        while not (size := client.query(sizes).result_rows[0][0]) and time.monotonic() < deadline:
            time.sleep(0.05)
    again.close()
    assert size > 0


def test_a_closed_store_is_not_asked_any_more(store_url: str) -> None:
    store = Store.open(store_url)
    store.close()
    with pytest.raises(ClosedError, match="the store is closed"):
        store.query("metrics_duplicates", {})
