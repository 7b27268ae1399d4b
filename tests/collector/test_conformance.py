"""What the store promises, of each place it can be: embedded, on a ClickHouse server and on a cluster.

No server runs here: what stands in is a process with the same engine behind ClickHouse's HTTP interface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter.pricing import PriceBook
from spanmeter_collector import cost, duplicates, export, latency, repricing, saving_terms, savings, traces
from spanmeter_collector.batch import Batch
from spanmeter_collector.counter import Counter
from spanmeter_collector.incoming import Received
from spanmeter_collector.posting import post
from spanmeter_collector.retention import Retention
from spanmeter_collector.selection import read_selection
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store
from spanmeter_collector.sweep import Clock, Sweep
from spanmeter_collector.trace import answer_trace

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]
Post = Callable[..., Batch]

NOW: Final = datetime(2026, 11, 22, 14, tzinfo=UTC)
LATER: Final = datetime(2030, 1, 15, 12, tzinfo=UTC)
"""After whatever the clock says: what is being written to is not dropped."""
DAY_NS: Final = 86_400 * 10**9


@pytest.fixture(params=["embedded", "server", "cluster"])
def address(request: pytest.FixtureRequest) -> str:
    """The address of an empty database in each place."""
    if request.param == "embedded":
        return str(request.getfixturevalue("store_url"))
    cluster = "?cluster=one" if request.param == "cluster" else ""
    return f"{request.getfixturevalue('server_url')}{cluster}"


@pytest.fixture
def placed(address: str) -> Iterator[Store]:
    """An empty store in each place."""
    store = Store.open(address)
    yield store
    store.close()


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


@pytest.fixture
def posted(placed: Store, book: PriceBook, request_of: MakeRequest) -> Post:
    """Post spans without writing what comes of it."""

    def post_all(*spans: Span, scope: str = "spanmeter") -> Batch:
        request = request_of(*spans)
        request.resource_spans[0].scope_spans[0].scope.name = scope
        return post([Received.of(request, 1)], store=placed, book=book, recorded_at=2)

    return post_all


@pytest.fixture
def call(span: MakeSpan, call_attributes: dict[str, Any]) -> MakeSpan:
    """A call's span by number."""
    return lambda number, **fields: span(number, attributes=call_attributes, **fields)


def rows(store: Store) -> dict[str, int]:
    """How many rows the tables have that are written to."""
    found: dict[str, int] = {}
    for one in store.query("partitions", {}):
        found[one["table"]] = found.get(one["table"], 0) + one["rows"]
    return {name: found[name] for name in ("spans", "charges", "counters", "duplicates", "dropped") if name in found}


def ledger(store: Store) -> tuple[int, str | None]:
    total = cost.answer_cost(store, read_selection([("since", "7d")], cost.OPTIONS, now=NOW)).total
    return total.calls, total.cost_usd


def test_a_batch_is_stored_once_however_often_it_is_written(
    address: str, placed: Store, posted: Post, call: MakeSpan
) -> None:
    counters = [
        Counter(time=1, start_time=0, service="", instance="", name="n", attributes={}, value=1.0, received_at=1)
    ]
    batch = Batch(rows=posted(call(1), call(2)).rows, bills=posted(call(1), call(2)).bills, counters=counters)
    for _ in range(3):
        placed.write(batch, token="1")
    reopened = Store.open(address)
    reopened.write(batch, token="1")

    assert rows(reopened) == {"spans": 2, "charges": 8, "counters": 1}
    assert ledger(reopened) == (2, "0.00039")
    reopened.close()


def test_a_write_that_ended_between_two_tables_is_completed(placed: Store, posted: Post, call: MakeSpan) -> None:
    placed.write(Batch(rows=posted(call(1)).rows), token="1")
    placed.write(Batch(bills=posted(call(2)).bills), token="2")

    placed.write(posted(call(1), call(2), call(3)), token="3")
    again = posted(call(1), call(2), call(3))

    assert (rows(placed)["spans"], rows(placed)["charges"]) == (3, 12)
    assert ledger(placed) == (3, "0.000585")
    assert (list(again.rows), list(again.bills), list(again.charges)) == ([], [], [])


def test_a_write_that_failed_amid_its_rollups_is_completed_in_them_too(
    placed: Store, posted: Post, call: MakeSpan
) -> None:
    rollup = f"charge_sums{'_local' if placed.layout.cluster else ''}"
    placed._writer.command(f"ALTER TABLE {rollup} ADD CONSTRAINT none CHECK 0")
    with pytest.raises(DatabaseError, match="VIOLATED_CONSTRAINT"):
        placed.write(posted(call(1), call(2)), token="1")
    placed._writer.command(f"ALTER TABLE {rollup} DROP CONSTRAINT none")

    placed.finish()
    placed.write(posted(call(1), call(2), call(3)), token="2")

    rolled_up = cost.answer_cost(placed, chosen(cost.OPTIONS, group_by="tenant")).total
    assert (rolled_up.calls, rolled_up.cost_usd) == ledger(placed) == (3, "0.000585")
    assert (rows(placed)["spans"], rows(placed)["charges"]) == (3, 12)
    assert placed.finish() == 0


def test_two_instrumentations_of_one_call_are_charged_once(placed: Store, posted: Post, call: MakeSpan) -> None:
    outer, inner = call(1), call(2, parent_span_id=(1).to_bytes(8))
    placed.write(posted(outer, scope="openinference.instrumentation.openai"), token="1")
    placed.write(posted(inner), token="2")

    assert ledger(placed) == (1, "0.000195")
    assert rows(placed) == {"spans": 2, "charges": 12, "duplicates": 1}


def test_every_question_is_answered_as_by_the_embedded_store(placed: Store, known: Store, known_batch: Batch) -> None:
    placed.write(known_batch, token="known")

    assert answers(placed) == answers(known)
    whole = b"".join(export.export(placed, chosen(export.OPTIONS, format="parquet")))
    assert (whole[:4], whole[-4:]) == (b"PAR1", b"PAR1")


def answers(store: Store) -> dict[str, Any]:
    """Each question's answer about the known batch."""
    asked: dict[str, Any] = {
        "cost": cost.answer_cost(store, chosen(cost.OPTIONS, group_by="model,user")),
        "hours": cost.answer_cost(store, chosen(cost.OPTIONS, group_by="hour", model="gpt-4o-mini")),
        "latency": latency.answer_latency(store, chosen(latency.OPTIONS, group_by="operation")),
        "traces": traces.answer_traces(store, chosen(traces.OPTIONS)),
        "dearest": traces.answer_traces(store, chosen(traces.OPTIONS, order="cost")),
        "duplicates": duplicates.answer_duplicates(store, chosen(duplicates.OPTIONS)),
        "trace": answer_trace(store, "01" * 16),
    }
    terms = chosen(saving_terms.OPTIONS, input_limit="100", swap="gpt-4o-mini=gpt-4o")
    asked["savings"] = savings.answer_savings(store, PriceBook.load(), terms, now=NOW)
    rest = {"reprice": repricing.reprice(store, PriceBook.load(), chosen(repricing.OPTIONS, dry_run="true"))}
    shown = {name: answer.model_dump() for name, answer in (asked | rest).items()}
    return shown | {
        name: b"".join(export.export(store, chosen(export.OPTIONS, format=name))) for name in ("csv", "focus")
    }


def chosen(options: Any, **given: str) -> Any:
    return read_selection([("since", "7d"), *given.items()], options, now=NOW)


def test_a_day_that_was_dropped_takes_no_spans_any_more(placed: Store, posted: Post, call: MakeSpan) -> None:
    late, now = int(LATER.timestamp()) * 10**9, LATER.timestamp
    old = {"start_time_unix_nano": late - 40 * DAY_NS, "end_time_unix_nano": late - 40 * DAY_NS + 1}
    fresh = {"start_time_unix_nano": late, "end_time_unix_nano": late + 1}
    placed.write(posted(call(1, **old), call(2, **fresh)), token="1")
    still = Clock(now=now, elapsed=lambda: 0)
    Sweep(placed, Retention(span_days=30), Status(), damaged=Path("/none"), clock=still).run()

    assert rows(placed) == {"spans": 1, "charges": 8, "dropped": 1}
    assert posted(call(3, **old)) == Batch(counters=[], too_old=1)


def test_new_prices_are_charged_once(placed: Store, posted: Post, call: MakeSpan, tmp_path: Path) -> None:
    placed.write(posted(call(1), call(2)), token="1")
    file = tmp_path / "prices.toml"
    file.write_text('[[price]]\nprovider = "openai"\nmodel = "gpt-4o-mini"\nusd_per_mtok = {input = 1, output = 1}\n')
    dearer = PriceBook.load(prices=file)

    changed = [repricing.reprice(placed, dearer, chosen(repricing.OPTIONS)).total.changed_calls for _ in range(2)]

    assert changed == [2, 0]
    assert ledger(placed) == (2, "0.00183")


def test_parameters_are_data_and_refusals_are_errors_of_the_store(placed: Store) -> None:
    hostile = "') OR 1=1; DROP TABLE charges --"

    assert placed.query("known_charges", {"since": 0, "until": 1, "trace_ids": [hostile]}) == []
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        placed.execute("drop_partition", {"partition": "20261122"}, {"table": "nothing"})
