from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    AGGREGATION_TEMPORALITY_DELTA,
    Metric,
    NumberDataPoint,
)
from tests.collector.conftest import CALL_ATTRIBUTES, encode_attributes, make_span

from spanmeter.pricing import PriceBook
from spanmeter_collector.incoming import Received
from spanmeter_collector.losses import answer_losses, options
from spanmeter_collector.losses_answer import LossAnswer, LossesAnswer, LossFigures
from spanmeter_collector.posting import post
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
SECOND_NS = 1_000_000_000
USD = "0.000195"
"""What one call of `CALL_ATTRIBUTES` costs, with its 1100 tokens."""
NO_ATTRIBUTES: Mapping[str, Any] = {}
NOTHING = LossFigures(calls=0, failed_calls=0, tokens=0, usd="0")


def at(clock: str) -> datetime:
    """A time of 2026-11-22, or of the day it names."""
    return datetime.fromisoformat(clock if "T" in clock else f"2026-11-22T{clock}").replace(tzinfo=UTC)


def nanoseconds(time: datetime) -> int:
    return int(time.timestamp()) * SECOND_NS


def figures(calls: int) -> LossFigures:
    usd = f"{calls * 195 / 10**6:f}".rstrip("0").rstrip(".") if calls else "0"
    return LossFigures(calls=calls, failed_calls=0, tokens=1100 * calls, usd=usd)


class Application:
    """A process as the sidecar hears of it, with a clock of its own."""

    numbers = itertools.count(1)
    tokens = itertools.count(1)

    def __init__(self, shop: Shop, *, instance: str = "p1", ahead: timedelta = timedelta()) -> None:
        self.shop = shop
        self.ahead = ahead
        self.resource = encode_attributes({"service.name": shop.service, "service.instance.id": instance})

    def tell(  # noqa: PLR0913  what the counters say, and when
        self,
        calls: int,
        *,
        clock: str,
        start: str = "17:00:00",
        heard: str = "",
        temporality: Any = AGGREGATION_TEMPORALITY_CUMULATIVE,
        usd: float | None = None,
        more: Mapping[str, int] = NO_ATTRIBUTES,
        attributes: Mapping[str, Any] = NO_ATTRIBUTES,
    ) -> None:
        """Export counters of `calls` equal calls at a time of the true clock; the sidecar hears of them at `heard`."""
        cost = calls * 0.000195 if usd is None else usd
        request = ExportMetricsServiceRequest()
        part = request.resource_metrics.add()
        part.resource.attributes.extend(self.resource)
        for name, value in {"calls": calls, "tokens": 1100 * calls, "cost_usd": cost, **more}.items():
            point = NumberDataPoint(
                time_unix_nano=nanoseconds(at(clock) + self.ahead),
                start_time_unix_nano=nanoseconds(at(start) + self.ahead),
                attributes=encode_attributes(dict(attributes)),
            )
            if isinstance(value, float):
                point.as_double = value
            else:
                point.as_int = value
            metric = Metric(name=f"spanmeter.client.{name}")
            metric.sum.aggregation_temporality = temporality
            metric.sum.data_points.append(point)
            part.scope_metrics.add().metrics.append(metric)
        self._take(request, heard=heard or clock)

    def send(self, calls: int, *, clock: str, heard: str = "", scope: str = "spanmeter.langchain") -> None:
        """Export spans of calls that all ended at `clock`."""
        request = ExportTraceServiceRequest()
        part = request.resource_spans.add()
        part.resource.attributes.extend(self.resource)
        spans = part.scope_spans.add()
        spans.scope.name = scope
        end = nanoseconds(at(clock) + self.ahead)
        for number in itertools.islice(self.numbers, calls):
            times: dict[str, Any] = {"start_time_unix_nano": end - 2 * SECOND_NS, "end_time_unix_nano": end}
            trace: dict[str, Any] = {"trace_id": number.to_bytes(16)}
            spans.spans.append(make_span(number, attributes=CALL_ATTRIBUTES, **times, **trace))
        self._take(request, heard=heard or clock)

    def _take(self, request: Any, *, heard: str) -> None:
        received = Received.of(request, nanoseconds(at(heard)) // 1_000_000)
        store = self.shop.store
        batch = post([received], store=store, book=self.shop.book, recorded_at=received.received_at)
        store.write(batch, token=str(next(self.tokens)))


@dataclass(frozen=True, slots=True)
class Shop:
    """A service of its own for each test, in one store."""

    store: Store
    book: PriceBook
    service: str

    def ask(self, **query: str) -> LossesAnswer:
        asked = {"service": self.service} | query
        return answer_losses(self.store, read_selection(asked.items(), options(), now=NOW), now=NOW)

    def missing(self, **query: str) -> tuple[int, int]:
        """How many calls are missing, and how many arrived untold."""
        answer = self.ask(**query)
        return answer.missing.calls, answer.surplus.calls


@pytest.fixture(scope="module")
def opened(engine_path: Path) -> Iterator[tuple[Store, PriceBook]]:
    store = Store.open(f"chdb://{engine_path}?database=losses")
    yield store, PriceBook.load()
    store.close()


@pytest.fixture
def shop(opened: tuple[Store, PriceBook], request: pytest.FixtureRequest) -> Shop:
    return Shop(*opened, service=request.node.name)


@pytest.fixture
def application(shop: Shop) -> Application:
    return Application(shop)


def test_what_a_process_told_and_the_ledger_lacks_is_missing(shop: Shop, application: Application) -> None:
    application.send(3, clock="17:29:59")
    application.tell(5, clock="17:30:00", heard="17:30:01", more={"spans": 9, "exported_spans": 6, "failed_calls": 1})
    application.tell(0, clock="17:30:00", more={"dropped_spans": 2}, attributes={"spanmeter.reason": "queue_full"})
    two = LossFigures(calls=2, failed_calls=1, tokens=2200, usd="0.00039")

    answer = shop.ask()

    assert answer.rows == [
        LossAnswer(
            service=shop.service,
            instance="p1",
            started="2026-11-22T17:00:00Z",
            starts=1,
            last_heard="2026-11-22T17:30:01Z",
            told=LossFigures(calls=5, failed_calls=1, tokens=5500, usd="0.000975"),
            unsampled=NOTHING,
            arrived=figures(3),
            missing=two,
            surplus=NOTHING,
            reason="queue_full",
            dropped_spans={"queue_full": 2},
            waiting_spans=1,
            priced_differently=False,
        )
    ]
    assert (answer.missing, answer.arrived, answer.processes, answer.processes_missing) == (two, figures(3), 1, 1)
    assert (answer.not_covered, answer.truncated, answer.settled_until) == ({}, False, "2026-11-22T17:58:00Z")


def test_what_comes_later_is_missing_no_more(shop: Shop, application: Application) -> None:
    application.tell(5, clock="17:30:00")
    before = shop.missing()
    application.send(5, clock="17:29:00", heard="17:59:00")

    assert (before, shop.missing()) == ((5, 0), (0, 0))


def test_counters_are_compared_after_a_settling_time(shop: Shop, application: Application) -> None:
    application.tell(5, clock="17:57:00")
    application.send(5, clock="17:56:59")
    application.tell(9, clock="17:59:00")

    assert [shop.missing(), shop.missing(settle="30s"), shop.missing(settle="0s")] == [(0, 0), (4, 0), (4, 0)]


def test_calls_after_the_last_reading_hide_nothing(shop: Shop, application: Application) -> None:
    """A busy process calls while its spans are under way."""
    application.send(3, clock="17:29:59")
    application.tell(5, clock="17:30:00")
    application.send(100, clock="17:30:01")

    assert shop.missing() == (2, 0)


@pytest.mark.parametrize("hours", [-30, -1, 1, 30])
def test_clocks_need_not_agree(shop: Shop, hours: int) -> None:
    application = Application(shop, ahead=timedelta(hours=hours))
    application.send(3, clock="17:29:59")
    application.tell(5, clock="17:30:00")
    application.send(100, clock="17:30:01")

    assert shop.missing() == (2, 0)


def test_readings_that_come_twice_or_out_of_order_change_nothing(shop: Shop, application: Application) -> None:
    application.send(5, clock="17:29:59")
    application.tell(5, clock="17:30:00", heard="17:30:00")
    application.tell(5, clock="17:30:00", heard="17:40:00")
    application.tell(2, clock="17:20:00", heard="17:50:00")

    assert shop.missing() == (0, 0)


def test_lives_of_one_id_add_up(shop: Shop, application: Application) -> None:
    """A container with a fixed id starts again, or two share it."""
    application.send(4, clock="17:09:00")
    application.tell(5, clock="17:10:00")
    application.send(3, clock="17:19:00")
    application.tell(3, clock="17:20:00", start="17:15:00")
    application.tell(4, clock="17:20:00", start="17:16:00")

    answer = shop.ask()

    assert [(row.starts, row.told.calls, row.missing.calls) for row in answer.rows] == [(3, 12, 5)]


def test_processes_are_compared_each_for_itself(shop: Shop) -> None:
    one, other = (Application(shop, instance=name) for name in ("p1", "p2"))
    for application, sent, told in ((one, 3, 5), (other, 8, 6)):
        application.send(sent, clock="17:29:59")
        application.tell(told, clock="17:30:00")

    answer = shop.ask()

    assert [(row.instance, row.missing, row.surplus) for row in answer.rows] == [
        ("p1", figures(2), NOTHING),
        ("p2", NOTHING, figures(2)),
    ]
    assert (answer.missing, answer.surplus) == (figures(2), figures(2))
    assert shop.missing(instance="p2") == (0, 2)
    assert shop.ask(service="bank").rows == []
    assert [row.instance for row in shop.ask(limit="1", offset="1").rows] == ["p2"]
    assert shop.ask(limit="1").truncated


def test_differences_are_read_as_well_as_sums(shop: Shop, application: Application) -> None:
    """As a collector in between makes of sums for those who like them better."""
    difference: dict[str, Any] = {"temporality": AGGREGATION_TEMPORALITY_DELTA}
    application.send(6, clock="17:00:05")
    application.tell(3, start="17:00:00", clock="17:00:10", **difference)
    application.tell(2, start="17:00:10", clock="17:00:20", **difference)
    application.tell(2, start="17:00:10", clock="17:00:20", **difference)
    application.tell(4, start="17:00:20", clock="17:00:30", **difference)

    assert shop.missing() == (3, 0)


def test_what_the_sampler_left_out_is_told_and_not_missing(shop: Shop, application: Application) -> None:
    application.send(3, clock="17:29:59")
    application.tell(4, clock="17:30:00")
    application.tell(90, clock="17:30:00", attributes={"spanmeter.sampled": False})

    answer = shop.ask()

    assert (answer.told, answer.unsampled, answer.missing) == (figures(94), figures(90), figures(1))


def test_equal_calls_with_other_prices_are_not_missing(shop: Shop, application: Application) -> None:
    application.send(4, clock="17:29:59")
    application.tell(4, clock="17:30:00", usd=12.5)

    answer = shop.ask()

    assert (answer.missing, answer.surplus) == (NOTHING, NOTHING)
    assert [row.priced_differently for row in answer.rows] == [True]


def test_calls_that_nobody_counts_are_not_covered(shop: Shop, application: Application) -> None:
    """Another instrumentation tells of calls, and so does a process whose counters never came."""
    application.tell(0, clock="17:30:00")
    application.send(3, clock="17:29:59", scope="openinference.instrumentation.openai")
    Application(shop, instance="p2").send(4, clock="17:29:59")

    answer = shop.ask()

    assert (answer.missing, answer.surplus, answer.not_covered) == (NOTHING, NOTHING, {shop.service: 7})


def test_calls_whose_charges_retention_dropped_are_on_neither_side(shop: Shop, application: Application) -> None:
    dropped = {"dropped_at": 1, "name": "charges", "partition": "202610", "reason": "age", "rows": 5, "bytes": 5}
    shop.store.query("note_dropped", dropped)
    for told, clock in ((5, "2026-10-31T23:00:00"), (6, "2026-11-01T00:30:00"), (9, "2026-11-22T17:00:00")):
        application.tell(told, clock=clock, start="2026-10-20T10:00:00")
    application.send(2, clock="16:59:00")

    answer = shop.ask()

    assert (answer.told, answer.arrived, answer.missing) == (figures(3), figures(2), figures(1))


def test_a_store_from_before_the_check_begins_with_what_was_told_until_then(engine_path: Path) -> None:
    client = clickhouse_connect.get_client(interface="chdb", path=str(engine_path))
    client.command("CREATE DATABASE before_losses")
    client.command(
        "CREATE TABLE before_losses.counters (time DateTime64(9, 'UTC'), start_time DateTime64(9, 'UTC'), "
        "service LowCardinality(String), instance LowCardinality(String), name LowCardinality(String), "
        "attributes Map(LowCardinality(String), String), value Float64) ENGINE = MergeTree PARTITION BY toDate(time) "
        "ORDER BY (service, instance, name, time)"
    )
    client.command(
        "INSERT INTO before_losses.counters SELECT '2026-11-22 17:10:00', '2026-11-22 17:00:00', 'old', 'p1', "
        "concat('spanmeter.client.', told.1), map(), told.2 "
        "FROM (SELECT arrayJoin([('calls', 100), ('tokens', 110000), ('cost_usd', 0.0195)]) AS told)"
    )
    client.close()
    store = Store.open(f"chdb://{engine_path}?database=before_losses")
    shop = Shop(store, PriceBook.load(), "old")
    Application(shop).send(2, clock="17:29:00")
    Application(shop).tell(103, clock="17:30:00")

    answer = shop.ask()
    store.close()

    assert (answer.told, answer.missing, answer.surplus) == (figures(3), figures(1), NOTHING)


def test_a_process_is_listed_in_the_periods_it_was_heard_in(shop: Shop, application: Application) -> None:
    application.tell(1, clock="17:10:00")
    application.tell(1, clock="17:20:00")
    asked = [("17:00:00", "17:05:00"), ("17:00:00", "17:15:00"), ("17:15:00", "17:30:00"), ("17:21:00", "17:30:00")]

    found = [shop.ask(since=f"2026-11-22T{one}Z", until=f"2026-11-22T{other}Z").processes for one, other in asked]

    assert found == [0, 1, 1, 0]


@pytest.mark.parametrize("settle", ["soon", "25h", "-1s", "99999999w"])
def test_a_settling_time_is_a_length_of_up_to_a_day(shop: Shop, settle: str) -> None:
    with pytest.raises(QuestionError, match=r"settle=.* is not allowed; allowed: a length up to 24h"):
        shop.ask(settle=settle)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({}, "unknown"),
        ({"waiting": 2}, "waiting"),
        ({"refused": 1, "waiting": 1}, "refused"),
        ({"refused": 1, "spool_full": 1}, "several"),
    ],
)
def test_why_calls_are_missing_is_what_the_process_knows(
    shop: Shop, application: Application, told: dict[str, int], reason: str
) -> None:
    application.tell(2, clock="17:30:00", more={"spans": 2, "exported_spans": 2 - sum(told.values())})
    for name in told.keys() - {"waiting"}:
        application.tell(0, clock="17:30:00", more={"dropped_spans": told[name]}, attributes={"spanmeter.reason": name})

    assert [row.reason for row in shop.ask().rows] == [reason]
