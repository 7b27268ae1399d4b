from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector.otlp_json import JsonError, read_json

MakeRequest = Callable[..., ExportTraceServiceRequest]
MakeSpan = Callable[..., Span]

SPAN: dict[str, Any] = {
    "traceId": "0A" * 16,
    "spanId": "0000000000000001",
    "parentSpanId": "",
    "name": "chat gpt-4o-mini",
    "startTimeUnixNano": "1795352400000000007",
    "endTimeUnixNano": 1795352402000000007,
    "attributes": [{"key": "n", "value": {"intValue": "7"}}],
    "links": [{"traceId": "0b" * 16, "spanId": "0C" * 8}],
    "aFieldOfTomorrow": {"deep": [1]},
    "status": None,
    "events": None,
}
LIST = AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue()]))
DEEP = '{"arrayValue": {"values": [' * 60 + '{"stringValue": "x"}' + "]}}" * 60


def document(*spans: Any) -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop-rag"}}]}
    scope_spans = [{"scope": {"name": "spanmeter"}, "spans": list(spans)}]
    return {"resourceSpans": [{"resource": resource, "scopeSpans": scope_spans}], "unknown": True}


def read(body: bytes) -> tuple[ExportTraceServiceRequest, dict[str, int]]:
    message, lost = ExportTraceServiceRequest(), Counter[str]()
    read_json(message, body, lost)
    return message, dict(lost)


def value(said: str) -> tuple[AnyValue, dict[str, int]]:
    """The value of a span's attribute as read from JSON text."""
    text = json.dumps(document(SPAN | {"attributes": [{"key": "a", "value": "HERE"}]})).replace('"HERE"', said)
    message, lost = read(text.encode())
    return message.resource_spans[0].scope_spans[0].spans[0].attributes[0].value, lost


def test_hex_ids_in_either_case_numbers_or_strings_nulls_and_unknown_fields(
    span: MakeSpan, request_of: MakeRequest
) -> None:
    expected = request_of(span(1, attributes={"n": 7}))
    expected.resource_spans[0].scope_spans[0].spans[0].links.add(trace_id=b"\x0b" * 16, span_id=b"\x0c" * 8)

    assert read(json.dumps(document(SPAN)).encode()) == (expected, {})


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('{"stringValue": "é"}', AnyValue(string_value="é")),
        ('{"boolValue": false}', AnyValue(bool_value=False)),
        ('{"intValue": "-9223372036854775808"}', AnyValue(int_value=-(2**63))),
        ('{"intValue": 7.0}', AnyValue(int_value=7)),
        ('{"doubleValue": 1}', AnyValue(double_value=1)),
        ('{"doubleValue": "Infinity"}', AnyValue(double_value=float("inf"))),
        ('{"bytesValue": "AP8="}', AnyValue(bytes_value=b"\x00\xff")),
        ('{"bytesValue": "_-8"}', AnyValue(bytes_value=base64.urlsafe_b64decode("_-8="))),
        (
            '{"arrayValue": {"values": [{"intValue": "1"}, {}]}}',
            LIST,
        ),
        ("null", AnyValue()),
        ("{}", AnyValue()),
    ],
)
def test_every_kind_of_value(said: str, expected: AnyValue) -> None:
    assert value(said) == (expected, {})


@pytest.mark.parametrize("kind", [3, "SPAN_KIND_CLIENT"])
def test_enums_are_numbers_or_names(kind: int | str) -> None:
    message, lost = read(json.dumps(document(SPAN | {"kind": kind})).encode())

    assert (message.resource_spans[0].scope_spans[0].spans[0].kind, lost) == (Span.SPAN_KIND_CLIENT, {})


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"stringValue": "a\\ud83d"}', "a\ufffd"),
        (b'{"stringValue": "\\ude00\\ud83d\\ude00"}', "\ufffd\U0001f600"),
        (b'{"stringValue": "a\xff"}', "a\ufffd"),
        (b'{"stringValue": "a", "other": NaN}', "a"),
        (b'{"stringValue": "a", "stringValue": "b"}', "b"),
    ],
)
def test_what_json_forbids_and_senders_write_is_taken(body: bytes, text: str) -> None:
    start, end = json.dumps(document(SPAN | {"attributes": [{"key": "a", "value": "HERE"}]})).encode().split(b'"HERE"')

    message, lost = read(start + body + end)

    assert message.resource_spans[0].scope_spans[0].spans[0].attributes[0].value.string_value == text
    assert lost == {}


def test_a_byte_order_mark_is_no_fault() -> None:
    assert read(b"\xef\xbb\xbf{}") == (ExportTraceServiceRequest(), {})


@pytest.mark.parametrize(
    "said",
    [
        '{"intValue": "9223372036854775808"}',
        '{"intValue": ' + "9" * 5000 + "}",
        '{"intValue": 1.5}',
        '{"doubleValue": NaN}',
        '{"boolValue": "yes"}',
        '{"stringValue": 7}',
        "7",
        DEEP,
    ],
)
def test_an_attribute_that_cannot_be_read_is_left_out_alone(span: MakeSpan, request_of: MakeRequest, said: str) -> None:
    damaged = deepcopy(SPAN) | {"links": []}
    damaged["attributes"].insert(0, {"key": "bad", "value": "HERE"})
    text = json.dumps(document(damaged)).replace('"HERE"', said)

    assert read(text.encode()) == (request_of(span(1, attributes={"n": 7})), {"attribute": 1})


@pytest.mark.parametrize("fields", [{"startTimeUnixNano": "soon"}, {"name": 7}, {"attributes": {}}, {"status": 7}])
def test_a_span_that_cannot_be_read_is_left_out_alone(
    span: MakeSpan, request_of: MakeRequest, fields: dict[str, Any]
) -> None:
    good = SPAN | {"links": [], "attributes": []}

    assert read(json.dumps(document(good, SPAN | fields, 7)).encode()) == (request_of(span(1)), {"span": 2})


@pytest.mark.parametrize("said", ["xyz", "0", 7, ["0a"], None])
def test_an_id_that_is_not_hex_is_no_id(said: Any) -> None:
    message, lost = read(json.dumps(document(SPAN | {"traceId": said})).encode())

    assert (message.resource_spans[0].scope_spans[0].spans[0].trace_id, lost) == (b"", {})


def test_ids_of_exemplars_are_hex_too() -> None:
    exemplar = {"traceId": "0A" * 16, "spanId": "0b" * 8, "asDouble": 1}
    metrics = [{"name": "m", "sum": {"dataPoints": [{"asInt": "3", "exemplars": [exemplar]}]}}]
    message = ExportMetricsServiceRequest()

    read_json(message, json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}).encode(), Counter())

    point = message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0]
    found = point.exemplars[0]
    assert (point.as_int, found.trace_id, found.span_id) == (3, b"\x0a" * 16, b"\x0b" * 8)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"resourceSpans": {}}',
        b'{"resourceSpans": [7]}',
        b'{"resourceSpans": [{"scopeSpans": 7}]}',
        b'{"resourceSpans": ' * 5000 + b"{}" + b"}" * 5000,
        b'{"resourceSpans": ' + b"9" * 100_000 + b"}",
    ],
    ids=range(9),
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(JsonError):
        read(body)


def test_what_is_nested_without_end_is_refused_in_words() -> None:
    with pytest.raises(JsonError, match="it is nested too deeply; some hundred levels are read"):
        read(b"[" * 100_000 + b"]" * 100_000)


def test_the_attributes_of_a_resource_are_mended_too() -> None:
    said = document(SPAN)
    said["resourceSpans"][0]["resource"]["attributes"].append({"key": "bad", "value": 7})

    message, lost = read(json.dumps(said).encode())

    assert message.resource_spans[0].resource.attributes == [
        KeyValue(key="service.name", value=AnyValue(string_value="shop-rag"))
    ]
    assert lost == {"attribute": 1}
