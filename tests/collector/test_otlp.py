from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector import otlp
from spanmeter_collector.otlp import MalformedError, Signal

MakeRequest = Callable[..., ExportTraceServiceRequest]
MakeSpan = Callable[..., Span]


@pytest.mark.parametrize("body", [b"garbage", b"{}", b"\x0a\xff\xff\xff\xff\x0f"])
def test_a_malformed_body_is_refused_with_what_was_expected(body: bytes) -> None:
    with pytest.raises(MalformedError, match=r"the body is not an OTLP traces request in application/x-protobuf: ."):
        otlp.parse(Signal.TRACES, body)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b""}, "trace id '' of span 'x' is not 16 bytes other than zero, in JSON 32 hex digits"),
        (
            {"trace_id": bytes(16)},
            f"trace id '{bytes(16).hex()}' of span 'x' is not 16 bytes other than zero, in JSON 32 hex digits",
        ),
        ({"span_id": b"\x01"}, "span id '01' of span 'x' is not 8 bytes other than zero, in JSON 16 hex digits"),
        ({"start_time_unix_nano": 0}, "start time 0 of span 'x' is not between 1970 and 2106"),
        ({"start_time_unix_nano": 2**64 - 1}, f"start time {2**64 - 1} of span 'x' is not between 1970 and 2106"),
    ],
)
def test_a_span_without_an_id_or_time_is_refused_and_the_others_are_kept(
    span: MakeSpan, request_of: MakeRequest, fields: dict[str, Any], reason: str
) -> None:
    request = request_of(span(1), span(2, name="x", **fields))

    assert otlp.refusal(span(2, name="x", **fields)) == reason
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
