"""A row: one span as the store keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Final, NamedTuple

import orjson
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanmeter import semconv
from spanmeter.pricing import Usage
from spanmeter_collector.otlp import LAST_NANOSECOND, attributes, texts
from spanmeter_collector.reading import Reading, read

_KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
_NO_PARENT: Final = bytes(8)
_NO_USAGE: Final = Usage()
_OUTCOMES: Final = frozenset({"cancelled", "interrupted"})


class Row(NamedTuple):
    """One row of table `spans`; every field is a column of that name, and a batch of tuples is quick to turn.

    `start_time` counts nanoseconds and `received_at` milliseconds since 1970 in UTC; ids are raw bytes.
    """

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    start_time: int
    duration_ns: int
    received_at: int
    name: str
    kind: str
    status: str
    status_message: str
    error_type: str
    service: str
    instance: str
    scope: str
    framework: str
    operation: str
    provider: str
    request_model: str
    model: str
    response_id: str
    user: str
    session: str
    tenant: str
    feature: str
    team: str
    wrapper: bool
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    first_chunk_ns: int
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    events: str


_FROM_READING: Final = sorted(set(Row._fields) & set(Reading._fields))
_from_reading: Final = attrgetter(*_FROM_READING)
_SERVICE: Final = {semconv.SERVICE_NAME, semconv.SERVICE_INSTANCE_ID}


def read_span(resource: Mapping[str, str], scope: str, span: Span, *, received_at: int) -> tuple[Row, Reading]:
    """The row of a span, and what its attributes say about the call it stands for."""
    reading = read(attributes(span.attributes), scope=scope)
    usage = reading.usage or _NO_USAGE
    row = Row(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id if len(span.parent_span_id) == 8 else _NO_PARENT,
        start_time=span.start_time_unix_nano,
        duration_ns=max(min(span.end_time_unix_nano, LAST_NANOSECOND) - span.start_time_unix_nano, 0),
        received_at=received_at,
        name=span.name,
        kind=_KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else "",
        status=_status(span, reading, scope),
        status_message=span.status.message,
        service=resource.get(semconv.SERVICE_NAME, ""),
        instance=resource.get(semconv.SERVICE_INSTANCE_ID, ""),
        scope=scope,
        input_tokens=usage.input_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning,
        attributes=reading.rest,
        resource={key: said for key, said in resource.items() if key not in _SERVICE},
        events=_events(span),
        **dict(zip(_FROM_READING, _from_reading(reading), strict=True)),
    )
    return row, reading


def _status(span: Span, reading: Reading, scope: str) -> str:
    if reading.outcome in _OUTCOMES:
        return "cancelled"
    if scope == semconv.LANGSMITH_SCOPE and any(event.name == "exception" for event in span.events):
        return "error"  # LangSmith ends some failed runs with the status of good ones
    return {Status.STATUS_CODE_OK: "ok", Status.STATUS_CODE_ERROR: "error"}.get(span.status.code, "unset")


def _events(span: Span) -> str:
    """The events as JSON: name, time in nanoseconds since 1970 and attributes."""
    if not span.events:
        return "[]"
    return orjson.dumps(
        [
            {"name": event.name, "time": event.time_unix_nano, "attributes": texts(event.attributes)}
            for event in span.events
        ]
    ).decode()
