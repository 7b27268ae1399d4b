"""OTLP answers, in the encoding of the request they answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spanmeter_collector.intake import Intake
from spanmeter_collector.otlp import JSON, PROTOBUF, Signal

_RESPONSES: Final[Mapping[Signal, type[ExportTraceServiceResponse | ExportMetricsServiceResponse]]] = {
    Signal.TRACES: ExportTraceServiceResponse,
    Signal.METRICS: ExportMetricsServiceResponse,
}
_ALL_WELL: Final = {PROTOBUF: b"", JSON: b"{}"}


def write_answer(signal: Signal, intake: Intake, *, content_type: str) -> bytes:
    """The answer to an accepted request: a partial success where something was refused, mended or left out.

    A refused metric counts as one data point, since what cannot be read cannot be counted.
    """
    if not intake.warning:
        return _ALL_WELL[content_type]
    answer = _RESPONSES[signal]()
    answer.partial_success.error_message = intake.warning
    if isinstance(answer, ExportTraceServiceResponse):
        answer.partial_success.rejected_spans = len(intake.refused)
    else:
        answer.partial_success.rejected_data_points = len(intake.refused)
    return _encode(answer, content_type)


def status(code: int, reason: str, *details: Message) -> Status:
    """A google.rpc.Status, the shape of every OTLP error answer."""
    said = Status(code=code, message=reason)
    for detail in details:
        said.details.add().Pack(detail)
    return said


def bad_request(reason: str) -> Message:
    """The detail that says what is wrong with a request, so that it is not sent again."""
    return BadRequest(field_violations=[BadRequest.FieldViolation(description=reason)])  # type: ignore[no-any-return]


def retry_info(seconds: float) -> Message:
    """The detail that says when to send again."""
    delay = Duration()
    delay.FromNanoseconds(round(seconds * 1e9))
    return RetryInfo(retry_delay=delay)  # type: ignore[no-any-return]


def is_wait(detail: Message) -> bool:
    """Whether a detail says when to send again."""
    return isinstance(detail, RetryInfo)


def write_status(said: Status, *, content_type: str) -> bytes:
    """An error answer over HTTP."""
    return _encode(said, content_type)


def _encode(message: Message, content_type: str) -> bytes:
    if content_type == JSON:
        return MessageToJson(message, indent=None).encode()
    return message.SerializeToString()
