"""Rollups that are missing or behind are brought up to their tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter.pricing import PriceBook
from spanmeter_collector.batch import Batch
from spanmeter_collector.bill import charges
from spanmeter_collector.charge import reversal
from spanmeter_collector.rollup import FORMER, NAMED, PLACES, ROLLUPS, create_view, view
from spanmeter_collector.rollup_repair import forget_sums, mend_rollups
from spanmeter_collector.row import read_span
from spanmeter_collector.statement import read_sql
from spanmeter_collector.store import Store

MakeSpan = Callable[..., Span]
DAY_NS: Final = 86_400_000_000_000
LATER_NS: Final = 15 * DAY_NS


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


_SKETCHED: Final = "sum(output_tokens), max(max_ns), quantilesTDigestMerge(0.5, 0.95, 0.99)(durations)"
_SUMS: Final = {
    "charge_sums": "sum(calls), sum(usd), sum(output_tokens), sum(tokens), sum(billed), sum(billed_priced)",
    "span_sums": _SKETCHED,
    "ledger_totals": "sum(calls), sum(usd), sum(tokens)",
    "span_totals": "sum(observed), sum(total)",
    "span_totals_by_day": "sum(observed), sum(total)",
    "duplicate_totals": "sum(found)",
}


def told(store: Store) -> dict[str, Any]:
    """What every rollup adds up to."""
    return {
        rollup.name: store._writer.query(
            f"SELECT sum(entries), {_SUMS[rollup.place]} FROM {rollup.place} WHERE {rollup.its_rows}"
        ).result_rows
        for rollup in ROLLUPS
    }


@contextmanager
def without_views(store: Store, *places: str) -> Iterator[None]:
    """What a kill leaves behind when it comes between the table and what the engine derives of it."""
    for place in places or PLACES:
        store._writer.command(f"DROP VIEW {view(place)} SYNC")
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
    "lost",
    [(), ("charge_sums",), ("span_totals", "ledger_totals"), ("span_totals_by_day",), ("span_sums",)],
    ids=str,
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
    of_spans = {rollup.name for rollup in ROLLUPS if rollup.source in {"spans", "span_totals_by_day"}}
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


def test_a_month_that_is_summed_up_anew_has_the_days_that_retention_dropped(store: Store, batch: Batch) -> None:
    next_day = [row._replace(start_time=row.start_time + DAY_NS) for row in batch.rows]
    store.write(Batch(rows=[*batch.rows, *next_day]), token="1")
    whole = told(store)
    store._writer.command("ALTER TABLE spans DROP PARTITION ID '20261122'")
    forget_sums(store._writer, "spans", "20261123")
    forgotten = told(store)
    mend_rollups(store._writer)
    assert (forgotten == whole, told(store)) == (False, whole)


def test_hours_that_an_older_version_summed_up_without_the_calls_that_stand_are_made_again(
    store_url: str, batch: Batch
) -> None:
    store = Store.open(store_url)
    store.write(batch, token="1")
    before = told(store)
    without = "ALTER TABLE charge_sums UPDATE billed = 0, billed_priced = 0 WHERE level = 'calls_by_hour'"
    store._writer.command(without, settings={"mutations_sync": 1})
    damaged = told(store)
    store.close()
    repaired = Store.open(store_url)
    assert (damaged == before, told(repaired)) == (False, before)
    repaired.close()


def test_after_a_write_that_failed_halfway_the_next_one_brings_rollups_up(store_url: str, batch: Batch) -> None:
    store = Store.open(store_url)
    with without_views(store, "charge_sums"):
        store._writer.command("RENAME TABLE charges TO away")
        with pytest.raises(ClickHouseError):
            store.write(batch, token="1")
        store._writer.command("RENAME TABLE away TO charges")
    store.write(batch, token="1")
    said = told(store)
    store.close()
    assert said == fresh(store_url + "_whole", batch)


def test_what_an_older_store_summed_up_in_tables_of_their_own_outlives_its_spans(store_url: str, batch: Batch) -> None:
    store = Store.open(store_url)
    store.write(batch, token="1")
    before = told(store)
    as_it_was(store)
    store._writer.command("TRUNCATE TABLE spans")
    store.close()
    moved = Store.open(store_url)
    assert told(moved) == before
    assert FORMER.isdisjoint(tables(moved))
    moved.write(Batch(rows=[row._replace(span_id=bytes(8)) for row in batch.rows]), token="2")
    assert told(moved)["spans_by_day"][0][0] == 2 * len(batch.rows)
    moved.close()


_AS_BEFORE: Final = {
    "charge_sums": "ORDER BY (level, user, tenant, feature, model, service, operation, provider, framework, team, "
    "grade, component, price_version, time)",
    "span_sums": "ORDER BY (level, user, time, operation, model, service, provider, framework, wrapper) "
    "SETTINGS index_granularity = 1024",
}
_FORMER: Final = {"charge_sums": "ledger_sums", "span_sums": "span_sums"}
_ASIDE: Final = {"charge_sums": "ledger_sums", "span_sums": "span_sums_by_thousand"}


@pytest.mark.parametrize("place", _AS_BEFORE)
@pytest.mark.parametrize("is_half_way", [False, True])
def test_sums_that_an_older_store_laid_in_another_way_outlive_what_they_sum(
    store_url: str, batch: Batch, place: str, *, is_half_way: bool
) -> None:
    store = Store.open(store_url)
    store.write(batch, token="1")
    before = told(store)
    lay_as_before(store, place)
    if is_half_way:
        if place == "span_sums":
            store._writer.command(f"RENAME TABLE {place} TO {_ASIDE[place]}")
        for statement in read_sql("rollups").split(";\n"):
            store._writer.command(statement)
        store._writer.command(f"INSERT INTO {place} SELECT * FROM {_ASIDE[place]} LIMIT 3")
    store._writer.command(f"TRUNCATE TABLE {next(rollup.source for rollup in ROLLUPS if rollup.table == place)}")
    store.close()
    laid_anew = Store.open(store_url)
    engines = dict(laid_anew._writer.query("SELECT name, engine_full FROM system.tables").result_rows)
    assert told(laid_anew) == before
    assert (_ASIDE[place] in engines, _AS_BEFORE[place] in engines[place]) == (False, False)
    laid_anew.close()


def lay_as_before(store: Store, place: str) -> None:
    """Lay a table as it was in older stores, with the view that filled it."""
    former = _FORMER[place]
    store._writer.command(f"DROP VIEW {view(place)} SYNC")
    store._writer.command(f"RENAME TABLE {place} TO newer")
    store._writer.command(f"CREATE TABLE {former} AS newer ENGINE = AggregatingMergeTree {_AS_BEFORE[place]}")
    store._writer.command(f"INSERT INTO {former} SELECT * FROM newer")
    store._writer.command("DROP TABLE newer SYNC")
    store._writer.command(create_view(place).replace(view(place), view(former)).replace(f"TO {place}", f"TO {former}"))


def tables(store: Store) -> set[str]:
    return {row[0] for row in store._writer.query("SELECT name FROM system.tables").result_rows}


def as_it_was(store: Store) -> None:
    """Lay the rollups as they were when each was a table of its own."""
    for name in FORMER:
        place = NAMED[name].place
        store._writer.command(
            f"CREATE TABLE {name} ENGINE = MergeTree PARTITION BY toYYYYMM(time) ORDER BY time "
            f"AS SELECT * EXCEPT level FROM {place} WHERE level = '{name}'"
        )
    for place in PLACES:
        store._writer.command(f"RENAME TABLE {view(place)} TO {place}_view")
    for place in ("charge_sums", "span_sums"):
        store._writer.command(f"DROP VIEW {place}_view SYNC")
        store._writer.command(f"DROP TABLE {place} SYNC")
