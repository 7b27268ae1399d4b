from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector.batch import Batch
from spanmeter_collector.charge import Charge
from spanmeter_collector.row import Row, read_span
from spanmeter_collector.store import Store

MakeSpan = Callable[..., Span]
START = 1_795_352_400_000_000_007
TRACE = b"\x0a" * 16
CENT = Decimal("0.010000000001")


def row_of(span: Span) -> Row:
    return read_span({}, "spanmeter", span, received_at=START // 1_000_000)[0]


def charge(number: int = 1) -> Charge:
    return Charge(
        time=START,
        recorded_at=START // 1_000_000,
        entry="charge",
        trace_id=TRACE,
        span_id=number.to_bytes(8, "big"),
        component="call",
        calls=1,
        usd=CENT,
    )


def known(store: Store, table: str, *numbers: int) -> set[int]:
    keys = [(TRACE, number.to_bytes(8, "big")) for number in numbers]
    found = store.known(table, keys, since_ns=START, until_ns=START)
    return {int.from_bytes(span_id, "big") for _, span_id in found}


def stored(store: Store) -> tuple[int, Decimal]:
    calls, usd = store._writer.query("SELECT sum(calls), sum(usd) FROM charges").result_rows[0]
    return calls, usd


def test_the_same_batch_with_the_same_token_adds_nothing(store: Store) -> None:
    for _ in range(3):
        store.write(Batch(charges=[charge()]), token="1")
    store.write(Batch(charges=[charge(2)]), token="2")

    assert stored(store) == (2, CENT * 2)


def test_what_came_less_whole_with_the_same_token_is_added(store: Store) -> None:
    store.write(Batch(charges=[charge(1)]), token="1")

    store.write(Batch(charges=[charge(2)]), token="1")

    assert known(store, "charges", 1, 2) == {1, 2}
    assert stored(store) == (2, 2 * CENT)


def test_an_empty_batch_and_no_keys_are_fine(store: Store) -> None:
    store.write(Batch(), token="1")

    assert known(store, "spans") == set()


def test_spans_far_apart_in_time_go_into_one_batch(store: Store, span: MakeSpan) -> None:
    days = [row_of(span(day, start_time_unix_nano=day * 86_400_000_000_000)) for day in range(1, 151)]

    store.write(Batch(days), token="1")

    keys = [(row.trace_id, row.span_id) for row in days]
    assert store.known("spans", keys, since_ns=days[0].start_time, until_ns=days[-1].start_time) == dict.fromkeys(
        keys, ""
    )


def test_a_write_that_failed_counts_as_one_and_may_come_again(store: Store) -> None:
    store._writer.command("RENAME TABLE charges TO away")
    with pytest.raises(ClickHouseError):
        store.write(Batch(charges=[charge()]), token="1")
    store._writer.command("RENAME TABLE away TO charges")
    store.write(Batch(charges=[charge()]), token="1")

    assert store.written == 2
    assert stored(store) == (1, CENT)
