"""Writes spans as the body of an OTLP/HTTP request.

The SDK's encoder builds a protobuf object for every attribute, which costs more CPU per span than the call it tells
of was measured with. These are the same fields of the same messages
(https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto), written
as bytes at once (https://protobuf.dev/programming-guides/encoding/).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status
from opentelemetry.trace.span import DEFAULT_TRACE_STATE

from spanmeter import semconv
from spanmeter.light_span import LightSpan

_KINDS: Final[Mapping[SpanKind, bytes]] = {kind: bytes((0x30, kind.value + 1)) for kind in SpanKind}
_HAS_IS_REMOTE: Final = 0x100
_IS_REMOTE: Final = 0x200
_MAX_KEPT: Final = 4_096
_SHORT: Final = 127
_fixed64: Final = struct.Struct("<Q").pack
_fixed32: Final = struct.Struct("<I").pack
_double: Final = struct.Struct("<d").pack
_two_bytes: Final = struct.Struct("BB").pack
_short: Final = tuple(bytes((size,)) for size in range(128))
_keys: Final[dict[str, bytes]] = {}
_texts: Final[dict[tuple[str, str | tuple[str, ...]], bytes]] = {}
_numbers: Final[dict[tuple[str, int], bytes]] = {}
_names: Final[dict[tuple[str, int], bytes]] = {}
_identity: Final = struct.Struct(">2sQQ2sQ").pack
_above: Final = struct.Struct(">2sQ").pack
_times: Final = struct.Struct("<sQsQ").pack
_UNSET: Final = b"\x7a\x00"
_WORDS: Final = frozenset({str})


def encode(spans: Iterable[ReadableSpan], *, instance_id: str | None = None) -> bytes:
    """Return an `ExportTraceServiceRequest` of these spans, grouped by resource and scope.

    A resource that does not say which process it describes is completed with `instance_id`.

    What OTLP has no type for (a number beyond 64 bits, an object) is left out, and text that is no Unicode (a lone
    surrogate) gets question marks: one odd attribute costs no span.
    """
    groups: dict[int, tuple[Resource, dict[int, tuple[InstrumentationScope | None, list[bytes]]]]] = {}
    places: dict[tuple[int, int], list[bytes]] = {}
    for span in spans:
        resource, scope = span.resource, span.instrumentation_scope
        place = id(resource), id(scope)
        if (encoded := places.get(place)) is None:
            encoded = places[place] = []
            groups.setdefault(id(resource), (resource, {}))[1][id(scope)] = scope, encoded
        body = _span(span)
        encoded += (b"\x12", _varint(len(body)), body)
    identity = {semconv.SERVICE_INSTANCE_ID: instance_id} if instance_id else {}
    return b"".join(_resource_spans(resource, identity, scopes.values()) for resource, scopes in groups.values())


def _resource_spans(
    resource: Resource,
    identity: Mapping[str, str],
    scopes: Iterable[tuple[InstrumentationScope | None, Sequence[bytes]]],
) -> bytes:
    attributes = b"".join(_attributes(b"\x0a", {**identity, **resource.attributes}))
    parts = [_message(b"\x0a", attributes), *(_scope_spans(scope, encoded) for scope, encoded in scopes)]
    return _message(b"\x0a", b"".join((*parts, _text(b"\x1a", resource.schema_url))))


def _scope_spans(scope: InstrumentationScope | None, encoded: Sequence[bytes]) -> bytes:
    if scope is None:
        return _message(b"\x12", b"".join((_message(b"\x0a", b""), *encoded)))
    named = (_text(b"\x0a", scope.name), _text(b"\x12", scope.version), *_attributes(b"\x1a", scope.attributes))
    parts = (_message(b"\x0a", b"".join(named)), *encoded, _text(b"\x1a", scope.schema_url))
    return _message(b"\x12", b"".join(parts))


def _span(span: ReadableSpan) -> bytes:
    context, parent = span.context, span.parent
    parts = [] if context is None else [_identity(b"\x0a\x10", *_halves(context), b"\x12\x08", context.span_id)]
    if context is not None and context.trace_state is not DEFAULT_TRACE_STATE and context.trace_state:
        parts.append(_text(b"\x1a", context.trace_state.to_header()))
    if parent is not None:
        parts.append(_above(b"\x22\x08", parent.span_id))
    parts += (_named(span.name, span.kind), _times(b"\x39", span.start_time or 0, b"\x41", span.end_time or 0))
    parts += _span_attributes(span.attributes)
    if type(span) is not LightSpan or not span.is_bare:
        parts += _rarer_parts(span)
    parts.append(_UNSET if span.status.is_unset else _message(b"\x7a", _status(span.status)))
    parts += (b"\x85\x01", _flags(parent))
    return b"".join(parts)


def _halves(context: SpanContext) -> tuple[int, int]:
    trace_id = context.trace_id
    return trace_id >> 64, trace_id & _WORD


def _named(name: str, kind: SpanKind) -> bytes:
    if type(name) is not str:
        return _text(b"\x2a", str(name)) + _KINDS[kind]
    known = _names.get((name, id(kind)))  # the hash of a member of an enumeration takes longer than all of this
    if known is None:
        known = _text(b"\x2a", name) + _KINDS[kind]
        if len(_names) >= _MAX_KEPT:
            _names.clear()
        if len(known) <= _SHORT:
            _names[name, id(kind)] = known
    return known


def _rarer_parts(span: ReadableSpan) -> list[bytes]:
    parts = [_message(b"\x5a", _event(event)) for event in span.events]
    parts += [_message(b"\x6a", _link(link)) for link in span.links]
    parts += (_count(b"\x50", span.dropped_attributes), _count(b"\x60", span.dropped_events))
    parts.append(_count(b"\x70", span.dropped_links))
    return parts


def _event(event: Event) -> bytes:
    attributes = _attributes(b"\x1a", event.attributes)
    dropped = _count(b"\x20", event.dropped_attributes)
    return b"".join((b"\x09", _fixed64(event.timestamp), _text(b"\x12", event.name), *attributes, dropped))


def _link(link: Link) -> bytes:
    ids = (b"\x0a\x10", link.context.trace_id.to_bytes(16), b"\x12\x08", link.context.span_id.to_bytes(8))
    attributes = _attributes(b"\x22", link.attributes)
    dropped = _count(b"\x28", link.dropped_attributes)
    return b"".join((*ids, *attributes, dropped, b"\x35", _flags(link.context)))


def _status(status: Status) -> bytes:
    return _text(b"\x12", status.description) + _count(b"\x18", status.status_code.value)


def _flags(context: SpanContext | None) -> bytes:
    return _fixed32(_HAS_IS_REMOTE | _IS_REMOTE if context and context.is_remote else _HAS_IS_REMOTE)


def _attributes(tag: bytes, attributes: Mapping[str, Any] | None) -> list[bytes]:
    parts: list[bytes] = []
    for key, value in attributes.items() if attributes else ():
        if (encoded := _value(value)) is not None:
            parts += (tag, _pair(key, encoded))
    return parts


def _span_attributes(attributes: Mapping[str, Any] | None) -> list[bytes]:
    """Return the attributes of a span; short texts, and what they stand for, are few in one application and kept."""
    parts: list[bytes] = []
    for key, value in attributes.items() if attributes else ():
        kind = type(value)
        if kind is int and 0 <= value < _SIGN:
            number = _varint(value)
            parts += ((_numbers.get((key, len(number))) or _number_key(key, len(number))), number)
        elif (kind is str and len(value) < _SHORT) or (kind is tuple and _WORDS.issuperset(map(type, value))):
            parts.append(_texts.get((key, value)) or _text_pair(key, value))
        elif (encoded := _value(value)) is not None:
            parts += (b"\x4a", _pair(key, encoded))
    return parts


def _text_pair(key: str, text: str | tuple[str, ...]) -> bytes:
    pair = b"\x4a" + _pair(key, _string(text) if isinstance(text, str) else _collection(text))
    if len(pair) <= _SHORT:
        if len(_texts) >= _MAX_KEPT:
            _texts.clear()
        _texts[key, text] = pair
    return pair


def _number_key(key: str, size: int) -> bytes:
    """Return all of a `KeyValue` of a number but the number, whose encoding takes `size` bytes."""
    named = (_keys.get(key) or _key(key)) + _short[size + 1] + b"\x18"
    if len(_numbers) >= _MAX_KEPT:
        _numbers.clear()
    encoded = _numbers[key, size] = b"\x4a" + _varint(len(named) + size) + named
    return encoded


def _pair(key: str, encoded: bytes) -> bytes:
    pair = (_keys.get(key) or _key(key)) + _varint(len(encoded)) + encoded
    return _varint(len(pair)) + pair


def _key(key: str) -> bytes:
    if len(_keys) >= _MAX_KEPT:
        _keys.clear()
    encoded = _keys[key] = _text(b"\x0a", key) + b"\x12"
    return encoded


def _value(value: object) -> bytes | None:
    """Return an `AnyValue`; None if OTLP has no type for it."""
    kind = type(value)
    if kind is str:
        return _string(value)  # type: ignore[arg-type]
    if kind is int:
        return b"\x18" + _varint(value & _WORD) if -_SIGN <= value < _SIGN else None  # type: ignore[operator]
    if kind is float:
        return b"\x21" + _double(value)
    return _rarer_value(value)


_SIGN: Final = 1 << 63
_WORD: Final = (1 << 64) - 1


def _rarer_value(value: object) -> bytes | None:
    match value:
        case None:
            return b""
        case bool():
            return b"\x10" + _short[value]
        case str() | bytes():
            return _string(value) if isinstance(value, str) else _message(b"\x3a", value)
        case int() | float():
            return _value(int(value) if isinstance(value, int) else float(value))
        case Mapping() | Sequence():
            return _collection(value)
    return None


def _collection(value: Mapping[Any, Any] | Sequence[Any]) -> bytes:
    if isinstance(value, Mapping):
        pairs = {str(key): item for key, item in value.items()}
        return _message(b"\x32", b"".join(_attributes(b"\x0a", pairs)))
    items = (b"" if (encoded := _value(item)) is None else encoded for item in value)
    return _message(b"\x2a", b"".join(_message(b"\x0a", item) for item in items))


def _string(value: str) -> bytes:
    return _message(b"\x0a", value.encode(errors="replace"))


def _text(tag: bytes, text: str | None) -> bytes:
    return _message(tag, text.encode(errors="replace")) if text else b""


def _count(tag: bytes, count: int) -> bytes:
    return tag + _varint(count) if count else b""


def _message(tag: bytes, body: bytes) -> bytes:
    return tag + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    if number < 128:
        return _short[number]
    if number < 16_384:
        return _two_bytes(number & 127 | 128, number >> 7)
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
