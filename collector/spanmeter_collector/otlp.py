"""OTLP at the door: request bodies to messages, and answers in the request's encoding.

The rules are those of https://opentelemetry.io/docs/specs/otlp/ 1.8: JSON carries ids as hex, 64-bit numbers as
strings or numbers, and may hold unknown fields.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Any, Final

import orjson
from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status as RpcStatus  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"
_NO_TRACE: Final = bytes(16)
_NO_SPAN: Final = bytes(8)
LAST_NANOSECOND: Final = 4_291_747_200_000_000_000  # 2106-01-01; the store's hours end that February

Value = str | bool | int | float | bytes | list["Value"] | dict[str, "Value"] | None
Request = ExportTraceServiceRequest | ExportMetricsServiceRequest


class Signal(IntEnum):
    """What a request carries; the numbers stand in the log."""

    TRACES = 1
    METRICS = 2


class MalformedError(ValueError):
    """A body is not the OTLP request it should be; the message says where it breaks."""


def parse(signal: Signal, body: bytes, *, content_type: str = PROTOBUF) -> Request:
    """Read a request body.

    Raises:
        MalformedError: the body is not such a request.
    """
    message: Request = _REQUESTS[signal]()
    try:
        if content_type == JSON:
            ParseDict(_with_base64_ids(orjson.loads(body)), message, ignore_unknown_fields=True)
        else:
            message.ParseFromString(body)
    except (DecodeError, ParseError, orjson.JSONDecodeError, RecursionError) as error:
        raise MalformedError(
            f"the body is not an OTLP {signal.name.lower()} request in {content_type}: {error}"
        ) from error
    return message


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


def refused_spans(request: Request) -> list[str]:
    """The reason of each span that cannot be kept."""
    if not isinstance(request, ExportTraceServiceRequest):
        return []
    return [
        reason
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
        if (reason := refusal(span))
    ]


def refusal(span: Span) -> str:
    """Why a span cannot be kept, empty when it can."""
    if len(span.trace_id) != 16 or span.trace_id == _NO_TRACE:
        return f"trace id {span.trace_id.hex()!r} of span {span.name!r} is not 16 bytes other than zero"
    if len(span.span_id) != 8 or span.span_id == _NO_SPAN:
        return f"span id {span.span_id.hex()!r} of span {span.name!r} is not 8 bytes other than zero"
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


def write_answer(signal: Signal, *, content_type: str, refused: list[str]) -> bytes:
    """The answer to an accepted request; refused spans make it a partial success."""
    answer = _RESPONSES[signal]()
    if refused and isinstance(answer, ExportTraceServiceResponse):
        answer.partial_success.rejected_spans = len(refused)
        answer.partial_success.error_message = refused[0]
    return _encode(answer, content_type)


def write_status(code: int, reason: str, *, content_type: str) -> bytes:
    """A google.rpc.Status, the shape of every OTLP error answer."""
    return _encode(RpcStatus(code=code, message=reason), content_type)


def _encode(message: Message, content_type: str) -> bytes:
    if content_type == JSON:
        return MessageToJson(message, indent=None).encode()
    return message.SerializeToString()


_REQUESTS: Final[Mapping[Signal, type[Request]]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
_RESPONSES: Final[Mapping[Signal, type[ExportTraceServiceResponse | ExportMetricsServiceResponse]]] = {
    Signal.TRACES: ExportTraceServiceResponse,
    Signal.METRICS: ExportMetricsServiceResponse,
}
_ID_FIELDS: Final = frozenset({"traceId", "spanId", "parentSpanId"})
_ID_PATH: Final = ("resourceSpans", "scopeSpans", "spans", "links")


def _with_base64_ids(document: Any) -> Any:  # noqa: ANN401
    """ProtoJSON wants bytes as base64, OTLP/JSON writes ids as hex."""
    if not isinstance(document, dict):
        raise ParseError(f"expected an object, got {type(document).__name__}")
    _convert_ids(document, _ID_PATH)
    return document


def _convert_ids(node: Any, path: tuple[str, ...]) -> None:  # noqa: ANN401
    if not isinstance(node, dict):
        return
    for field in _ID_FIELDS & node.keys():
        node[field] = _base64_of_hex(field, node[field])
    children = node.get(path[0]) if path else None
    for child in children if isinstance(children, list) else ():
        _convert_ids(child, path[1:])


def _base64_of_hex(field: str, text: Any) -> str:  # noqa: ANN401
    try:
        return binascii.b2a_base64(binascii.unhexlify(text), newline=False).decode()
    except (binascii.Error, TypeError, ValueError) as error:
        raise ParseError(f"{field} {text!r} is not hexadecimal") from error
