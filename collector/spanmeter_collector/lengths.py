"""Lengths: keys and values of attributes that are longer than is kept are cut, and their spans stay.

Few requests have any, and to look at every attribute takes longer than to read the request. A span of fewer bytes than
a key may have characters cannot have one, so only longer spans are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

LONGEST_KEY: Final = 4_096
LONGEST_VALUE: Final = 2**20
"""In characters; of bytes, lists and maps in bytes."""
_RESOURCE_SPANS, _SCOPE_SPANS, _SPANS = 0x0A, 0x12, 0x12
_OTHER_FIELD, _WITH_LENGTH = 0x87, 0x02  # https://protobuf.dev/programming-guides/encoding/#structure


def cut_long(request: ExportTraceServiceRequest, body: bytes) -> int:
    """Cut what is too long in a request, whose protobuf is `body`; how many attributes were."""
    if len(body) <= LONGEST_KEY:
        return 0
    sizes = _sizes(body)
    found = 0
    for resource_spans in request.resource_spans:
        found += _cut_all(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            found += _cut_all(scope_spans.scope.attributes)
            told = next(sizes) if sizes else repeat(LONGEST_KEY + 1)
            long = [
                index for index, size in zip(range(len(scope_spans.spans)), told, strict=False) if size > LONGEST_KEY
            ]
            found += sum([_cut_span(scope_spans.spans[index]) for index in long])
    return found


def _sizes(body: bytes) -> Iterator[list[int]] | None:
    """The bytes of each span, scope by scope; None where other fields than the protocol's stand around them."""
    try:
        resources = _parts(body, 0, len(body), _RESOURCE_SPANS)
        scopes = [scope for at, end in resources for scope in _parts(body, at, end, _SCOPE_SPANS)]
        return iter([[end - at for at, end in _parts(body, *scope, _SPANS)] for scope in scopes])
    except ValueError:
        return None


def _parts(body: bytes, at: int, until: int, tag: int) -> list[tuple[int, int]]:
    """Where the messages with a tag begin and end, among fields that all tell their length in bytes."""
    found = []
    while at < until:
        told, length, shift = body[at], 0, 0
        if told & _OTHER_FIELD != _WITH_LENGTH:
            raise ValueError(told)
        while (more := body[at := at + 1]) > 127:
            length |= (more & 127) << shift
            shift += 7
        length |= more << shift
        at += 1
        if told == tag:
            found.append((at, at + length))
        at += length
    return found


def _cut_span(span: Span) -> int:
    events, links = (event.attributes for event in span.events), (link.attributes for link in span.links)
    return sum(map(_cut_all, chain([span.attributes], events, links)))


def _cut_all(pairs: Iterable[KeyValue]) -> int:
    return sum(_cut_pair(pair) for pair in pairs)


def _cut_pair(pair: KeyValue) -> bool:
    long_key = len(pair.key) > LONGEST_KEY
    if long_key:
        pair.key = pair.key[:LONGEST_KEY]
    return _cut_value(pair.value) or long_key


def _cut_value(value: AnyValue) -> bool:
    kind = value.WhichOneof("value")
    if kind in {"string_value", "bytes_value"}:
        said = getattr(value, kind)
        if len(said) > LONGEST_VALUE:
            setattr(value, kind, said[:LONGEST_VALUE])
            return True
        return False
    return kind in {"array_value", "kvlist_value"} and _cut_items(getattr(value, kind).values)


def _cut_items(items: Any) -> bool:  # noqa: ANN401  a repeated field of protobuf
    """Leave out the last items of a list or map that is too long."""
    size = 0
    for index, item in enumerate(items):
        size += item.ByteSize()
        if size > LONGEST_VALUE:
            del items[index:]
            return True
    return False
