"""Attributes that are too long are cut, wherever they stand, and their spans stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector.bundle import span_sizes
from spanmeter_collector.intake import take_in
from spanmeter_collector.lengths import LONGEST_KEY, LONGEST_VALUE, cut_long
from spanmeter_collector.otlp import Signal

K, V = LONGEST_KEY, LONGEST_VALUE
ITEM = AnyValue(string_value="x" * (V // 4))
PAIR = KeyValue(key="k", value=ITEM)
CASES: dict[str, tuple[KeyValue, KeyValue]] = {
    "key": (KeyValue(key="é" * (K + 1)), KeyValue(key="é" * K)),
    "text": (
        KeyValue(key="t", value=AnyValue(string_value="é" * (V + 1))),
        KeyValue(key="t", value=AnyValue(string_value="é" * V)),
    ),
    "bytes": (
        KeyValue(key="b", value=AnyValue(bytes_value=bytes(V + 1))),
        KeyValue(key="b", value=AnyValue(bytes_value=bytes(V))),
    ),
    "list": (
        KeyValue(key="l", value=AnyValue(array_value=ArrayValue(values=[ITEM] * 6))),
        KeyValue(key="l", value=AnyValue(array_value=ArrayValue(values=[ITEM] * 3))),
    ),
    "map": (
        KeyValue(key="m", value=AnyValue(kvlist_value=KeyValueList(values=[PAIR] * 6))),
        KeyValue(key="m", value=AnyValue(kvlist_value=KeyValueList(values=[PAIR] * 3))),
    ),
}


def place_on_span(request: ExportTraceServiceRequest) -> Any:
    return request.resource_spans[1].scope_spans[1].spans[1].attributes


def place_on_event(request: ExportTraceServiceRequest) -> Any:
    return request.resource_spans[1].scope_spans[0].spans[0].events.add(name="e").attributes


def place_on_link(request: ExportTraceServiceRequest) -> Any:
    return request.resource_spans[0].scope_spans[0].spans[0].links.add().attributes


def place_on_resource(request: ExportTraceServiceRequest) -> Any:
    return request.resource_spans[1].resource.attributes


def place_on_scope(request: ExportTraceServiceRequest) -> Any:
    return request.resource_spans[1].scope_spans[1].scope.attributes


PLACES = [place_on_span, place_on_event, place_on_link, place_on_resource, place_on_scope]


@pytest.fixture
def request_with(span: Callable[..., Span]) -> Callable[..., ExportTraceServiceRequest]:
    """Two resources with two scopes of two spans, and one attribute somewhere."""

    def make(place: Callable[[ExportTraceServiceRequest], Any], pair: KeyValue) -> ExportTraceServiceRequest:
        request = ExportTraceServiceRequest()
        for resource in range(2):
            resource_spans = request.resource_spans.add(schema_url="https://example.org")
            for scope in range(2):
                spans = [span(1 + resource * 4 + scope * 2 + number, attributes={"a": "b"}) for number in range(2)]
                resource_spans.scope_spans.add(schema_url="https://example.org").spans.extend(spans)
        place(request).append(pair)
        return request

    return make


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("sent", "kept"), CASES.values(), ids=CASES)
def test_what_is_too_long_is_cut_where_it_stands(
    request_with: Callable[..., ExportTraceServiceRequest], place: Any, sent: KeyValue, kept: KeyValue
) -> None:
    request = request_with(place, sent)

    assert cut_long(request, span_sizes(request.SerializeToString())) == 1
    assert request == request_with(place, kept)
    assert cut_long(request, span_sizes(request.SerializeToString())) == 0


def test_the_request_is_taken_with_all_its_spans_and_the_sender_is_told(
    request_with: Callable[..., ExportTraceServiceRequest],
) -> None:
    sent, kept = CASES["text"]
    whole = request_with(place_on_span, kept)

    intake = take_in(Signal.TRACES, request_with(place_on_span, sent).SerializeToString())

    assert (intake.body, intake.refused) == (whole.SerializeToString(), [])
    assert intake.lost == {"long attribute": 1}
    assert intake.warning == "1 attributes are cut: 4,096 characters of key, 1,048,576 of value"


@pytest.mark.parametrize("field", [b"\x18\x07", b"\x1d\0\0\0\0", b"\xfa\x01\x01x"], ids=["number", "fixed", "above 15"])
def test_fields_that_the_protocol_may_get_around_spans_hide_nothing(
    span: Callable[..., Span], request_of: Callable[..., ExportTraceServiceRequest], field: bytes
) -> None:
    spans = request_of(span(1), span(2, attributes={"k" * (K + 1): "v"})).resource_spans[0].scope_spans[0]
    scope = field + spans.SerializeToString()
    resource = b"\x12" + bytes([len(scope) & 127 | 128, len(scope) >> 7]) + scope
    body = b"\x0a" + bytes([len(resource) & 127 | 128, len(resource) >> 7]) + resource

    intake = take_in(Signal.TRACES, body)

    assert intake.lost == {"long attribute": 1}
    kept = ExportTraceServiceRequest.FromString(intake.body).resource_spans[0].scope_spans[0].spans[1]
    assert [len(each.key) for each in kept.attributes] == [K]
