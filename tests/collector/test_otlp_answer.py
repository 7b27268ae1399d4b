from __future__ import annotations

import json
from collections import Counter

import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.error_details_pb2 import BadRequest, RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceResponse,
)

from spanmeter_collector.intake import Intake
from spanmeter_collector.otlp import JSON, PROTOBUF, Signal
from spanmeter_collector.otlp_answer import bad_request, is_wait, retry_info, status, write_answer, write_status

TRACES = Intake(b"", refused=["no id", "no time"])
MENDED = Intake(b"", lost=Counter(text=2, link=1))
METRICS = Intake(b"", refused=["a metric cannot be read"])
SAID = "1 links could not be read and are left out; 2 texts were not UTF-8 and are mended"


@pytest.mark.parametrize(("content_type", "body"), [(PROTOBUF, b""), (JSON, b"{}")])
@pytest.mark.parametrize("signal", Signal)
def test_when_all_is_well_nothing_is_said(signal: Signal, content_type: str, body: bytes) -> None:
    assert write_answer(signal, Intake(b""), content_type=content_type) == body


@pytest.mark.parametrize(
    ("intake", "said"),
    [
        (TRACES, {"rejectedSpans": "2", "errorMessage": "no id"}),
        (MENDED, {"errorMessage": SAID}),
        (METRICS, {"rejectedDataPoints": "1", "errorMessage": "a metric cannot be read"}),
    ],
)
def test_what_is_refused_or_mended_is_a_partial_success(intake: Intake, said: dict[str, str]) -> None:
    signal = Signal.METRICS if intake is METRICS else Signal.TRACES

    assert json.loads(write_answer(signal, intake, content_type=JSON)) == {"partialSuccess": said}


def test_protobuf_is_answered_in_protobuf() -> None:
    spans = ExportTraceServiceResponse.FromString(write_answer(Signal.TRACES, TRACES, content_type=PROTOBUF))
    points = ExportMetricsServiceResponse.FromString(write_answer(Signal.METRICS, METRICS, content_type=PROTOBUF))

    assert (spans.partial_success.rejected_spans, spans.partial_success.error_message) == (2, "no id")
    assert points.partial_success.rejected_data_points == 1


def test_an_error_is_a_status_with_its_details() -> None:
    said = status(3, "why", bad_request("why"), retry_info(1.5))
    violation = BadRequest(field_violations=[{"description": "why"}])
    wait = RetryInfo(retry_delay={"seconds": 1, "nanos": 500_000_000})
    details = [Packed(), Packed()]
    details[0].Pack(violation)
    details[1].Pack(wait)

    assert Status.FromString(write_status(said, content_type=PROTOBUF)) == Status(
        code=3, message="why", details=details
    )
    assert json.loads(write_status(said, content_type=JSON)) == {
        "code": 3,
        "message": "why",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"description": "why"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.500s"},
        ],
    }
    assert (is_wait(wait), is_wait(violation)) == (True, False)
