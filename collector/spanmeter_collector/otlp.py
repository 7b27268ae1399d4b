"""OTLP messages: what a request carries, which of its spans can be kept, and its attributes as Python has them.

The rules are those of https://opentelemetry.io/docs/specs/otlp/ 1.8.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Final

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"
NO_TRACE: Final = bytes(16)
NO_SPAN: Final = bytes(8)
DAY_NS: Final = 86_400_000_000_000
LAST_NANOSECOND: Final = 4_291_747_200_000_000_000  # 2106-01-01; the store's hours end that February

Value = str | bool | int | float | bytes | list["Value"] | dict[str, "Value"] | None
Request = ExportTraceServiceRequest | ExportMetricsServiceRequest


class Signal(IntEnum):
    """What a request carries; the numbers stand in the log."""

    TRACES = 1
    METRICS = 2


class MalformedError(ValueError):
    """A body is not the OTLP request it should be; the message says where it breaks."""


def parse(signal: Signal, body: bytes) -> Request:
    """Read a request body in protobuf, as the log holds it.

    Raises:
        MalformedError: the body is not such a request.
    """
    try:
        return REQUESTS[signal].FromString(body)
    except DecodeError as error:
        raise malformed(signal, PROTOBUF, error) from error


def malformed(signal: Signal, content_type: str, error: Exception) -> MalformedError:
    """The error that says what a body should have been, and where it breaks."""
    return MalformedError(f"the body is not an OTLP {signal.name.lower()} request in {content_type}: {error}")


def signal_of(request: Request) -> Signal:
    """What a request carries."""
    return Signal.TRACES if isinstance(request, ExportTraceServiceRequest) else Signal.METRICS


def span_count(request: Request) -> int:
    """How many spans a request carries; metrics carry none."""
    if not isinstance(request, ExportTraceServiceRequest):
        return 0
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


def texts(pairs: Iterable[KeyValue]) -> dict[str, str]:
    """The values of an attribute list as text by key."""
    return {key: text(said) for key, said in attributes(pairs).items()}


def spans(request: ExportTraceServiceRequest) -> Iterator[tuple[Mapping[str, str], str, Span]]:
    """Every span with the attributes of its resource and the name of its scope, refused ones left out."""
    for resource_spans in request.resource_spans:
        resource = texts(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                if not refusal(span):
                    yield resource, scope_spans.scope.name, span


def day(span: Span) -> int:
    """On which day a span started, counted from 1970 in UTC."""
    return span.start_time_unix_nano // DAY_NS


def refusal(span: Span) -> str:
    """Why a span cannot be kept, empty when it can."""
    if len(trace_id := span.trace_id) != 16 or trace_id == NO_TRACE:
        return (
            f"trace id {trace_id.hex()!r} of span {span.name!r} is not 16 bytes other than zero, in JSON 32 hex digits"
        )
    if len(span_id := span.span_id) != 8 or span_id == NO_SPAN:
        return f"span id {span_id.hex()!r} of span {span.name!r} is not 8 bytes other than zero, in JSON 16 hex digits"
    if not 0 < span.start_time_unix_nano <= LAST_NANOSECOND:
        return f"start time {span.start_time_unix_nano} of span {span.name!r} is not between 1970 and 2106"
    return ""


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    """The values of an attribute list by key; of a repeated key the last."""
    return {pair.key: (said := pair.value).string_value or value(said) for pair in pairs}


def value(any_value: AnyValue) -> Value:
    """The value of an attribute as Python has it."""
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return [value(item) for item in any_value.array_value.values]
    if kind == "kvlist_value":
        return attributes(any_value.kvlist_value.values)
    return getattr(any_value, kind) if kind else None


def text(known: Value) -> str:
    """A value as the store keeps it: text as it is, numbers in digits, lists and maps as JSON."""
    if isinstance(known, str):
        return known
    if type(known) is int:
        return str(known)
    if isinstance(known, bytes):
        return binascii.b2a_base64(known, newline=False).decode()
    return "" if known is None else orjson.dumps(known, default=text, option=orjson.OPT_NON_STR_KEYS).decode()


REQUESTS: Final[Mapping[Signal, type[Request]]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
