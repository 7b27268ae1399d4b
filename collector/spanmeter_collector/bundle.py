"""A bundle: the spans of one instrumentation scope of one request, each still in the bytes it came in.

A request is opened only as far as its resources and scopes, which takes a tenth of the time of opening all of it.
Who needs a span opens that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import IO, Any, Final, NamedTuple

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanmeter import semconv
from spanmeter_collector.otlp import Value, texts, value
from spanmeter_collector.row import SERVICE_KEYS


class Bundle(NamedTuple):
    """Spans in protobuf with what holds for all of them; `received_at` counts milliseconds since 1970.

    `repeated` says that the request itself may have been posted before, so that its spans were not sent again.
    """

    resource: Mapping[str, str]
    scope: str
    spans: Sequence[bytes]
    received_at: int
    repeated: bool = False


def bundles(body: bytes, *, received_at: int, repeated: bool = False) -> Iterator[Bundle]:
    """The spans of a trace request in protobuf, in the order in which they stand there.

    Raises:
        google.protobuf.message.DecodeError: the body is no such request.
    """
    for resource_spans in _REQUEST.FromString(body).resource_spans:
        resource = texts(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            yield Bundle(resource, scope_spans.scope.name, scope_spans.spans, received_at, repeated)


def span_sizes(body: bytes) -> list[list[int]]:
    """How many bytes each span of a trace request takes, scope by scope.

    Raises:
        google.protobuf.message.DecodeError: the body is no such request.
    """
    resources = _REQUEST.FromString(body).resource_spans
    return [
        [*map(len, scope_spans.spans)] for resource_spans in resources for scope_spans in resource_spans.scope_spans
    ]


def open_span(closed: bytes) -> tuple[Span, dict[str, Value]]:
    """A span of a bundle without its attributes, and those by key; of a repeated key the last.

    Most attributes of a batch say what many others say: a short one that was opened before is not opened again.

    Raises:
        google.protobuf.message.DecodeError: it is no span.
    """
    span = _SPAN.FromString(closed)
    if not span.start_time_unix_nano:
        span.start_time_unix_nano = sum(_START.FromString(closed).start_time_unix_nano[-1:])
    pairs = span.attributes
    return span, dict([_open_again(pair) if len(pair) <= _LONGEST_REMEMBERED else _open(pair) for pair in pairs])


def write_sheet(bundle: Bundle, file: IO[bytes]) -> None:
    """Write a bundle as one protobuf message with its length before it, as `sql/stage.sql` reads it."""
    others = {key: said for key, said in bundle.resource.items() if key not in SERVICE_KEYS}
    message: bytes = _SHEET(
        spans=bundle.spans,
        received_at=bundle.received_at,
        scope=bundle.scope,
        resource_keys=others.keys(),
        resource_values=others.values(),
        service=bundle.resource.get(semconv.SERVICE_NAME, ""),
        instance=bundle.resource.get(semconv.SERVICE_INSTANCE_ID, ""),
    ).SerializeToString()
    length = len(message)
    while length > 127:
        file.write(bytes((length & 127 | 128,)))
        length >>= 7
    file.write(bytes((length,)))
    file.write(message)


def _open(closed: bytes) -> tuple[str, Value]:
    pair = KeyValue.FromString(closed)
    return pair.key, pair.value.string_value or value(pair.value)


_LONGEST_REMEMBERED: Final = 128
_open_again: Final = lru_cache(16_384)(_open)
_PACKAGE: Final = "spanmeter.bundle"
_MESSAGES: Final[Mapping[str, Mapping[int, tuple[str, str]]]] = {
    "ScopeSpans": {1: ("scope", common_pb2.InstrumentationScope.DESCRIPTOR.full_name), 2: ("spans", "*bytes")},
    "ResourceSpans": {
        1: ("resource", resource_pb2.Resource.DESCRIPTOR.full_name),
        2: ("scope_spans", f"*{_PACKAGE}.ScopeSpans"),
    },
    "Request": {1: ("resource_spans", f"*{_PACKAGE}.ResourceSpans")},
    "Sheet": {
        2: ("spans", "*bytes"),
        3: ("received_at", "int64"),
        4: ("scope", "string"),
        5: ("service", "string"),
        6: ("instance", "string"),
        7: ("resource_keys", "*string"),
        8: ("resource_values", "*string"),
    },
    "Span": {
        1: ("trace_id", "bytes"),
        2: ("span_id", "bytes"),
        4: ("parent_span_id", "bytes"),
        5: ("name", "string"),
        6: ("kind", "int32"),
        7: ("start_time_unix_nano", "fixed64"),
        8: ("end_time_unix_nano", "fixed64"),
        9: ("attributes", "*bytes"),
        11: ("events", f"*{Span.Event.DESCRIPTOR.full_name}"),
        15: ("status", Status.DESCRIPTOR.full_name),
    },
    "Start": {7: ("start_time_unix_nano", "*fixed64")},
}
"""trace.proto with spans and attributes left closed, and a bundle as the engine is given it; a star: repeated.

The engine and the door read a start that is packed, as lists of numbers are, so Python has to.
"""
_TYPES: Final = {
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "fixed64": FieldDescriptorProto.TYPE_FIXED64,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "string": FieldDescriptorProto.TYPE_STRING,
}


def _field(number: int, name: str, kind: str) -> FieldDescriptorProto:
    once = kind.removeprefix("*")
    return FieldDescriptorProto(
        name=name,
        number=number,
        label=FieldDescriptorProto.LABEL_OPTIONAL if once == kind else FieldDescriptorProto.LABEL_REPEATED,
        type=_TYPES.get(once, FieldDescriptorProto.TYPE_MESSAGE),
        type_name=None if once in _TYPES else f".{once}",
    )


def _message_class(name: str) -> Any:  # noqa: ANN401  a message class made here has no stub
    return GetMessageClass(Default().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def _add_messages() -> None:
    imported = [known.DESCRIPTOR.name for known in (common_pb2, resource_pb2, trace_pb2)]
    file = FileDescriptorProto(name="spanmeter/bundle.proto", package=_PACKAGE, syntax="proto3", dependency=imported)
    for name, fields in _MESSAGES.items():
        file.message_type.add(name=name, field=[_field(number, *field) for number, field in fields.items()])
    Default().AddSerializedFile(file.SerializeToString())


_add_messages()
_REQUEST: Final = _message_class("Request")
_SHEET: Final = _message_class("Sheet")
_SPAN: Final = _message_class("Span")
_START: Final = _message_class("Start")
