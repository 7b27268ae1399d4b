"""Rollups that are missing or behind are brought up to their tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter.pricing import PriceBook
from spanmeter_collector.bill import charges
from spanmeter_collector.charge import reversal
from spanmeter_collector.rollup import ROLLUPS
from spanmeter_collector.row import read_span
from spanmeter_collector.store import Batch, Store

MakeSpan = Callable[..., Span]
LATER_NS: Final = 15 * 86_400_000_000_000


@pytest.fixture
def batch(span: MakeSpan, call_attributes: dict[str, Any]) -> Batch:
    """Six calls of two months, one of them taken back."""
    read = [
        read_span(
            {"service.name": "shop"},
            "spanmeter",
            span(
                number,
                start_time_unix_nano=start,
                end_time_unix_nano=start + number * 10**9,
                attributes=call_attributes,
            ),
            received_at=1,
        )
        for number in range(1, 7)
        for start in [1_795_352_400_000_000_000 + number % 2 * LATER_NS + number * 10**12]
    ]
    entries = [entry for row, reading in read for entry in charges(row, reading, PriceBook.load(), recorded_at=2)]
    taken_back = [reversal(entry, recorded_at=3) for entry in entries[:3]]
    return Batch(rows=[row for row, _ in read], charges=[*entries, *taken_back])


def told(store: Store) -> dict[str, Any]:
    """What every rollup adds up to."""
    sums = {
        "ledger_totals": "sum(calls), sum(usd), sum(tokens)",
        "spans_by_hour": "sum(output_tokens), max(max_ns), quantilesTDigestMerge(0.5, 0.95, 0.99)(durations)",
        "operations_by_hour": "sum(output_tokens), max(max_ns), quantilesTDigestMerge(0.5, 0.95, 0.99)(durations)",
        "users_by_day": "sum(output_tokens), max(max_ns), quantilesTDigestMerge(0.5, 0.95, 0.99)(durations)",
        "span_totals": "sum(observed), sum(total)",
        "duplicate_totals": "sum(found)",
    }
    asked = {rollup.name: sums.get(rollup.name, "sum(calls), sum(usd), sum(output_tokens)") for rollup in ROLLUPS}
    return {
        name: store._writer.query(f"SELECT sum(entries), {columns} FROM {name}").result_rows
        for name, columns in asked.items()
    }


@contextmanager
def without_views(store: Store, *names: str) -> Iterator[None]:
    """What a kill leaves behind when it comes between the table and what the engine derives of it."""
    for rollup in ROLLUPS:
        if not names or rollup.name in names:
            store._writer.command(f"DROP VIEW {rollup.view} SYNC")
    yield


def test_the_same_batch_again_adds_nothing_to_any_rollup(store_url: str, batch: Batch) -> None:
    store = Store.open(store_url)
    store.write(batch, token="1")
    once = told(store)
    store.write(batch, token="1")
    assert told(store) == once
    store.close()
    reopened = Store.open(store_url)
    reopened.write(batch, token="1")
    assert told(reopened) == once
    reopened.close()


@pytest.mark.parametrize(
    "lost", [(), ("tenants_by_hour",), ("operations_by_hour", "ledger_totals"), ("spans_by_hour",)], ids=str
)
def test_a_rollup_that_is_behind_is_filled_when_the_store_opens(
    store_url: str, batch: Batch, lost: tuple[str, ...]
) -> None:
    half = len(batch.rows) // 2
    first, second = Batch(batch.rows[:half], batch.charges[:8]), Batch(batch.rows[half:], batch.charges[8:])
    store = Store.open(store_url)
    store.write(first, token="1")
    with without_views(store, *lost):
        store.write(second, token="2")
    store.close()
    repaired = Store.open(store_url)
    entries = {name: rows[0][0] for name, rows in told(repaired).items()}
    of_spans = {"spans_by_hour", "operations_by_hour", "users_by_day", "span_totals"}
    assert entries == {
        name: 0 if name == "duplicate_totals" else len(batch.rows if name in of_spans else batch.charges)
        for name in entries
    }
    whole = told(repaired)
    repaired.close()
    assert whole == fresh(store_url + "_whole", batch)


def fresh(url: str, batch: Batch) -> dict[str, Any]:
    """What the rollups of a store say that took the batch without a fault."""
    store = Store.open(url)
    store.write(batch, token="1")
    said = told(store)
    store.close()
    return said


def test_after_a_write_that_failed_halfway_the_next_one_brings_rollups_up(store_url: str, batch: Batch) -> None:
    store = Store.open(store_url)
    with without_views(store, "components_by_hour"):
        store._writer.command("RENAME TABLE charges TO away")
        with pytest.raises(ClickHouseError):
            store.write(batch, token="1")
        store._writer.command("RENAME TABLE away TO charges")
    store.write(batch, token="1")
    said = told(store)
    store.close()
    assert said == fresh(store_url + "_whole", batch)
