from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector.intake import MOST_ATTRIBUTES, MOST_SPANS, Intake, TooManySpansError, take_in
from spanmeter_collector.otlp import JSON, MalformedError, Signal

MakeRequest = Callable[..., ExportTraceServiceRequest]
MakeSpan = Callable[..., Span]
NO_ID = f"span id '{'00' * 8}' of span 'x' is not 8 bytes other than zero, in JSON 16 hex digits"


def test_what_is_well_is_taken_as_it_is(span: MakeSpan, request_of: MakeRequest) -> None:
    request = request_of(span(1, attributes={"n": 7}), span(2))
    body = request.SerializeToString()

    assert take_in(Signal.TRACES, body) == Intake(body, 2)
    assert take_in(Signal.TRACES, body).warning == ""
    assert take_in(Signal.TRACES, b"") == Intake(b"")
    assert take_in(Signal.METRICS, b"{}", content_type=JSON) == Intake(b"", metrics=ExportMetricsServiceRequest())


def test_a_span_that_cannot_be_kept_is_taken_out_alone(span: MakeSpan, request_of: MakeRequest) -> None:
    sent = request_of(span(1), span(0, name="x"), span(2), span(3, name="late", start_time_unix_nano=0))
    kept = request_of(span(1), span(2))

    intake = take_in(Signal.TRACES, sent.SerializeToString())

    reasons = ["start time 0 of span 'late' is not between 1970 and 2106", NO_ID]
    assert intake == Intake(kept.SerializeToString(), 2, None, reasons)
    assert intake.warning == reasons[0]


def test_a_span_that_cannot_be_read_is_refused_alone(span: MakeSpan, request_of: MakeRequest) -> None:
    kept = request_of(span(1))
    garbage = b"\x0a\x08\x12\x06\x12\x04\xff\xff\xff\xff"

    intake = take_in(Signal.TRACES, kept.SerializeToString() + garbage)

    kept.resource_spans.add().scope_spans.add()
    assert intake == Intake(kept.SerializeToString(), 1, None, ["a span cannot be read"])


def test_a_text_that_is_not_utf8_is_mended_and_the_sender_is_told(span: MakeSpan, request_of: MakeRequest) -> None:
    sent, kept = (request_of(span(1), span(2, attributes={"prompt": text})) for text in ("n~~", "n\ufffd("))

    intake = take_in(Signal.TRACES, sent.SerializeToString().replace(b"n~~", b"n\xc3("))

    assert (intake.spans, intake.refused, intake.lost) == (2, [], {"text": 1})
    assert ExportTraceServiceRequest.FromString(intake.body) == kept
    assert intake.warning == "1 texts were not UTF-8 and are mended"


def test_of_too_many_attributes_the_first_are_kept(span: MakeSpan, request_of: MakeRequest) -> None:
    many = {f"key {number}": number for number in range(MOST_ATTRIBUTES + 2)}
    most = dict(list(many.items())[:MOST_ATTRIBUTES])
    kept = request_of(span(1, attributes=most, dropped_attributes_count=3), span(2, attributes=most))

    sent = request_of(span(1, attributes=many, dropped_attributes_count=1), span(2, attributes=most))
    intake = take_in(Signal.TRACES, sent.SerializeToString())

    assert intake == Intake(kept.SerializeToString(), 2, None, [], intake.lost)
    assert intake.warning == "2 attributes beyond the first 1,024 of a span are left out"


def test_json_becomes_protobuf() -> None:
    span = {"traceId": "0a" * 16, "spanId": "0b" * 8, "startTimeUnixNano": "7", "attributes": [7]}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span, 7]}]}]}).encode()

    intake = take_in(Signal.TRACES, body, content_type=JSON)

    kept = Span(trace_id=b"\x0a" * 16, span_id=b"\x0b" * 8, start_time_unix_nano=7)
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.append(kept)
    assert intake == Intake(request.SerializeToString(), 1, None, ["a span cannot be read"], intake.lost)
    assert intake.lost == {"attribute": 1}


@pytest.mark.parametrize(("count", "fits"), [(MOST_SPANS, True), (MOST_SPANS + 1, False)])
def test_a_request_has_so_many_spans_at_most(count: int, *, fits: bool, span: MakeSpan) -> None:
    one = span(1, name="").SerializeToString()
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().MergeFromString((b"\x12%c" % len(one) + one) * count)

    if fits:
        assert not take_in(Signal.TRACES, request.SerializeToString()).warning
    else:
        with pytest.raises(TooManySpansError, match=r"more than 32,768 spans; send smaller batches"):
            take_in(Signal.TRACES, request.SerializeToString())


@pytest.mark.parametrize(
    ("signal", "body", "content_type", "sentence"),
    [
        (Signal.TRACES, b"garbage", "application/x-protobuf", "an OTLP traces request in application/x-protobuf: ."),
        (Signal.METRICS, b"[1]", JSON, "an OTLP metrics request in application/json: expected an object, got list"),
    ],
)
def test_what_is_no_request_is_refused_whole(signal: Signal, body: bytes, content_type: str, sentence: str) -> None:
    with pytest.raises(MalformedError, match=f"the body is not {sentence}"):
        take_in(signal, body, content_type=content_type)


def test_a_span_of_a_day_that_was_dropped_is_too_old(span: MakeSpan, request_of: MakeRequest) -> None:
    of_2026_11_22, day_ns = span(1).start_time_unix_nano, 86_400 * 10**9
    sent = request_of(span(1), span(2, name="late", start_time_unix_nano=of_2026_11_22 - day_ns), span(0, name="x"))
    kept = request_of(span(1))

    intake = take_in(Signal.TRACES, sent.SerializeToString(), closed={of_2026_11_22 // day_ns - 1})

    late = "span 'late' of 2026-11-21 is too old: the spans of that day were dropped"
    assert intake == Intake(kept.SerializeToString(), 1, None, [NO_ID, late])
    assert intake.too_old == 1
