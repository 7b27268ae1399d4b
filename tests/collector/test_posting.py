from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter.pricing import PriceBook
from spanmeter_collector.batch import Batch
from spanmeter_collector.incoming import Received
from spanmeter_collector.posting import post
from spanmeter_collector.store import Store
from spanmeter_collector.vocabulary import COUNT_KEYS, OPERATION_KEYS, TEXT_KEYS

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]
Post = Callable[..., Batch]


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


@pytest.fixture
def posted(store: Store, book: PriceBook) -> Post:
    """Post requests to the test's store, without writing what comes of it."""

    def post_all(*requests: ExportTraceServiceRequest | ExportMetricsServiceRequest) -> Batch:
        return post([Received.of(request, 1) for request in requests], store=store, book=book, recorded_at=2)

    return post_all


@pytest.fixture
def call(span: MakeSpan, call_attributes: dict[str, Any]) -> MakeSpan:
    """A call's span by number."""
    return lambda number: span(number, attributes=call_attributes)


def numbers(batch: Batch) -> tuple[list[int], list[int]]:
    """The numbers of the spans stored and of those charged."""
    stored = [int.from_bytes(row.span_id, "big") for row in batch.rows]
    return stored, [int.from_bytes(bill.span_id, "big") for bill in batch.bills]


def test_a_span_that_comes_twice_in_a_batch_is_kept_and_charged_once(
    posted: Post, span: MakeSpan, call: MakeSpan, request_of: MakeRequest
) -> None:
    root = span(2, name="chain")

    assert numbers(posted(request_of(call(1), root), request_of(call(1)))) == ([1, 2], [1])


def test_a_span_in_the_store_is_neither_stored_nor_charged_again(
    posted: Post, store: Store, call: MakeSpan, request_of: MakeRequest
) -> None:
    store.write(posted(request_of(call(1))), token="1")

    assert numbers(posted(request_of(call(1), call(2)))) == ([2], [2])


def test_a_write_cut_off_between_the_tables_is_completed(
    posted: Post, store: Store, call: MakeSpan, request_of: MakeRequest
) -> None:
    only_rows, only_charges = request_of(call(1)), request_of(call(2))
    store.write(Batch(rows=posted(only_rows).rows), token="1")
    store.write(Batch(bills=posted(only_charges).bills), token="2")

    assert numbers(posted(only_rows, only_charges)) == ([2], [1])


def test_counters_and_spans_go_into_one_batch(posted: Post, span: MakeSpan, request_of: MakeRequest) -> None:
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="spanmeter.client.calls")
    metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    metric.sum.data_points.add(time_unix_nano=5, as_int=1)

    batch = posted(request_of(span(1)), metrics)

    assert (len(batch.rows), [counter.name for counter in batch.counters]) == (1, ["spanmeter.client.calls"])


ODD_VALUES: list[Any] = [
    *("", "chat", "\0", "');--", "1e999999999", "-5", "sNaN", "Infinity", "1_000", "99999999999999999999"),
    *(0, -1, 2**63 - 1, -(2**63), 10**12, 10**12 + 1),
    *(-0.0, 1e308, 5e-324, float("nan"), float("inf")),
    *(True, b"\xff\x00", [], ["a", [1, b"b"]]),
]
KEYS = [
    *(key for keys in (*TEXT_KEYS.values(), *COUNT_KEYS.values()) for key in keys),
    *OPERATION_KEYS,
    *("spanmeter.wrapper", "spanmeter.cache.hit", "spanmeter.calls", "spanmeter.reported_cost.usd"),
    *("gen_ai.response.time_to_first_chunk", "spanmeter.usage.grade", "spanmeter.tag.", "spanmeter.tag.x", ""),
    "spanmeter.usage.parts",
]


def test_no_value_of_an_attribute_stops_the_posting(
    posted: Post, store: Store, span: MakeSpan, request_of: MakeRequest
) -> None:
    everywhere = [dict.fromkeys(KEYS, value) for value in ODD_VALUES]
    in_calls = [known | {"gen_ai.operation.name": "chat", "spanmeter.wrapper": False} for known in everywhere]
    spans = [span(number, attributes=known) for number, known in enumerate((*everywhere, *in_calls), start=1)]

    batch = posted(request_of(*spans))
    store.write(batch, token="1")

    assert len(batch.rows) == 2 * len(ODD_VALUES)
    posted_again = posted(request_of(*spans))
    assert (posted_again.rows, posted_again.charges, posted_again.bills, posted_again.counters) == ([], [], [], [])
