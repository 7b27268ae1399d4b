"""What is known of spans that came in before."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter import semconv
from spanmeter.pricing import PriceBook
from spanmeter_collector.batch import Batch
from spanmeter_collector.bill import charges
from spanmeter_collector.charge import Charge, reversal, standing
from spanmeter_collector.history import CHARGED_BY, again
from spanmeter_collector.otlp import spans
from spanmeter_collector.raw_usage import RAW_USAGE_KEYS
from spanmeter_collector.row import read_span
from spanmeter_collector.store import Store
from spanmeter_collector.vocabulary import COUNT_KEYS, OPERATION_KEYS, TEXT_KEYS

Known = dict[str, Any]


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


def test_of_equal_entries_the_latest_stands_in_whatever_order_they_are_read() -> None:
    first = Charge(time=1, recorded_at=1, entry="charge", trace_id=bytes(16), span_id=bytes(8), component="call")
    latest = first._replace(recorded_at=3)
    taken_back = reversal(first, recorded_at=2)

    for entries in permutations((first, taken_back, latest)):
        assert standing(entries) == [latest]


RAW = '{"input_tokens": 1000, "output_tokens": 100, "prompt_tokens": 1000, "completion_tokens": 100}'
SAID: Known = {
    **dict.fromkeys(OPERATION_KEYS, "LLM"),
    **{key: "gpt-4o" for keys in TEXT_KEYS.values() for key in keys},
    **{key: 77 for keys in COUNT_KEYS.values() for key in keys},
    **dict.fromkeys(RAW_USAGE_KEYS, RAW),
    semconv.OPENAI_SERVICE_TIER: "flex",
    semconv.PRICE_REGION: "us",
    semconv.USAGE_GRADE: "estimated",
    semconv.REPORTED_COST_USD: "0.5",
    semconv.CALLS: 3,
    semconv.CACHE_HIT: True,
    semconv.INSIDE_CALL: True,
    semconv.WRAPPER: True,
    semconv.INSTRUMENTED: True,
    semconv.TAG_PREFIX + "branch": "main",
    semconv.OUTCOME: "cancelled",
    semconv.USAGE_PARTS: '[{"input":600,"output":50},{"model":"gpt-4o","input":200,"output":50,"cache_read":200}]',
}


def test_a_stored_span_is_charged_as_it_was_when_it_came_in_whatever_it_says(
    store: Store,
    book: PriceBook,
    span: Callable[..., Span],
    request_of: Callable[..., ExportTraceServiceRequest],
    call_attributes: Known,
) -> None:
    told = [call_attributes | {key: said} for key, said in SAID.items()]
    told += [{semconv.OPERATION_NAME: "chat", key: said} for key, said in SAID.items()]
    request = request_of(*(span(number, attributes=known) for number, known in enumerate(told, 1)))
    came = [read_span(*one, received_at=1) for one in spans(request)]
    store.write(Batch(rows=[row for row, _ in came]), token="1")

    start = came[0][0].start_time
    stored = again(store, {(row.trace_id, row.span_id) for row, _ in came}, since_ns=start, until_ns=start)

    first = {row.span_id: charges(row, reading, book, recorded_at=2) for row, reading in came}
    assert {row.span_id: charges(row, reading, book, recorded_at=2) for row, reading in stored} == first
    assert SAID.keys() | {"gen_ai.completion", *_langsmith_s()} >= CHARGED_BY


def _langsmith_s() -> set[str]:
    return {key for key in CHARGED_BY if key.startswith("langsmith.")}
