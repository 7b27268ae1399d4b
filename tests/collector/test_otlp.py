from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from google.rpc.status_pb2 import Status as RpcStatus  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector import otlp
from spanmeter_collector.otlp import JSON, PROTOBUF, MalformedError, Signal

MakeRequest = Callable[..., ExportTraceServiceRequest]
MakeSpan = Callable[..., Span]

DOCUMENT: dict[str, Any] = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop-rag"}}]},
            "scopeSpans": [
                {
                    "scope": {"name": "spanmeter"},
                    "spans": [
                        {
                            "traceId": "0A" * 16,
                            "spanId": "0000000000000001",
                            "parentSpanId": "",
                            "name": "chat gpt-4o-mini",
                            "startTimeUnixNano": "1795352400000000007",
                            "endTimeUnixNano": 1795352402000000007,
                            "attributes": [{"key": "n", "value": {"intValue": "7"}}],
                            "links": [{"traceId": "0b" * 16, "spanId": "0c" * 8}],
                            "aFieldOfTomorrow": {"deep": [1]},
                        }
                    ],
                }
            ],
        }
    ],
    "unknown": True,
}


def test_json_with_hex_ids_numbers_or_strings_and_unknown_fields_is_the_same_request(
    span: MakeSpan, request_of: MakeRequest
) -> None:
    expected = request_of(span(1, attributes={"n": 7}))
    expected.resource_spans[0].scope_spans[0].spans[0].links.add(trace_id=b"\x0b" * 16, span_id=b"\x0c" * 8)

    assert otlp.parse(Signal.TRACES, json.dumps(DOCUMENT).encode(), content_type=JSON) == expected
    assert otlp.parse(Signal.TRACES, expected.SerializeToString()) == expected


def test_an_empty_request_is_a_request() -> None:
    assert otlp.parse(Signal.TRACES, b"") == ExportTraceServiceRequest()
    assert otlp.parse(Signal.METRICS, b"{}", content_type=JSON) == ExportMetricsServiceRequest()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", JSON),
        (b"{", JSON),
        (b"[]", JSON),
        (b"null", JSON),
        (b'{"resourceSpans": {}}', JSON),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}', JSON),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 7}]}]}]}', JSON),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "soon"}]}]}]}', JSON),
        (b'{"resourceSpans": [7]}', JSON),
        (b'{"resourceSpans": ' * 500 + b"{}" + b"}" * 500, JSON),
        (b"garbage", PROTOBUF),
        (b"{}", PROTOBUF),
        (b"\x0a\xff\xff\xff\xff\x0f", PROTOBUF),
    ],
)
def test_a_malformed_body_is_refused_with_what_was_expected(body: bytes, content_type: str) -> None:
    with pytest.raises(MalformedError, match=f"the body is not an OTLP traces request in {content_type}: ."):
        otlp.parse(Signal.TRACES, body, content_type=content_type)


def test_a_truncated_request_is_refused(span: MakeSpan, request_of: MakeRequest) -> None:
    with pytest.raises(MalformedError):
        otlp.parse(Signal.TRACES, request_of(span()).SerializeToString()[:-1])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b""}, "trace id '' of span 'x' is not 16 bytes other than zero"),
        ({"trace_id": bytes(16)}, f"trace id '{'00' * 16}' of span 'x' is not 16 bytes other than zero"),
        ({"span_id": b"\x01"}, "span id '01' of span 'x' is not 8 bytes other than zero"),
        ({"start_time_unix_nano": 0}, "start time 0 of span 'x' is not between 1970 and 2106"),
        ({"start_time_unix_nano": 2**64 - 1}, f"start time {2**64 - 1} of span 'x' is not between 1970 and 2106"),
    ],
)
def test_a_span_without_a_name_or_time_is_refused_and_the_others_are_kept(
    span: MakeSpan, request_of: MakeRequest, fields: dict[str, Any], reason: str
) -> None:
    request = request_of(span(1), span(2, name="x", **fields))

    assert otlp.refused_spans(request) == [reason]
    assert [(scope, kept) for _, scope, kept in otlp.spans(request)] == [("spanmeter", span(1))]
    assert otlp.span_count(request) == 2


@pytest.mark.parametrize(
    ("any_value", "value", "text"),
    [
        (AnyValue(string_value="a"), "a", "a"),
        (AnyValue(int_value=-7), -7, "-7"),
        (AnyValue(double_value=0.5), 0.5, "0.5"),
        (AnyValue(bool_value=True), True, "true"),
        (AnyValue(bytes_value=b"\x00\xff"), b"\x00\xff", base64.b64encode(b"\x00\xff").decode()),
        (AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="é"), AnyValue()])), ["é", None], '["é",null]'),
        (
            AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=AnyValue(bytes_value=b"b"))])),
            {"k": b"b"},
            '{"k":"Yg=="}',
        ),
        (AnyValue(), None, ""),
    ],
)
def test_every_kind_of_attribute_has_a_value_and_a_text(any_value: AnyValue, value: otlp.Value, text: str) -> None:
    assert otlp.value(any_value) == value
    assert otlp.text(value) == text


def test_answers_speak_the_encoding_of_the_request() -> None:
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 2
    answer.partial_success.error_message = "no id"

    assert otlp.write_answer(Signal.TRACES, content_type=PROTOBUF, refused=[]) == b""
    assert otlp.write_answer(Signal.TRACES, content_type=JSON, refused=[]) == b"{}"
    assert otlp.write_answer(Signal.TRACES, content_type=PROTOBUF, refused=["no id", "x"]) == answer.SerializeToString()
    assert json.loads(otlp.write_answer(Signal.TRACES, content_type=JSON, refused=["no id", "x"])) == {
        "partialSuccess": {"rejectedSpans": "2", "errorMessage": "no id"}
    }
    assert RpcStatus.FromString(otlp.write_status(3, "why", content_type=PROTOBUF)) == RpcStatus(code=3, message="why")
    assert json.loads(otlp.write_status(3, "why", content_type=JSON)) == {"code": 3, "message": "why"}
