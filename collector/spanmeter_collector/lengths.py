"""Lengths: keys and values of attributes that are longer than is kept are cut, and their spans stay.

Few requests have any, and to look at every attribute takes longer than to read the request. A span of fewer bytes than
a key may have characters cannot have one, so only longer spans are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

LONGEST_KEY: Final = 4_096
LONGEST_VALUE: Final = 2**20
"""In characters; of bytes, lists and maps in bytes."""


def cut_long(request: ExportTraceServiceRequest, sizes: Sequence[Sequence[int]]) -> int:
    """Cut what is too long in a request whose spans take these bytes, scope by scope; how many attributes were."""
    found, sizes_left = 0, iter(sizes)
    for resource_spans in request.resource_spans:
        found += _cut_all(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            found += _cut_all(scope_spans.scope.attributes)
            long = [index for index, size in enumerate(next(sizes_left)) if size > LONGEST_KEY]
            found += sum([_cut_span(scope_spans.spans[index]) for index in long])
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
