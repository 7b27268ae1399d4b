"""A row: one span as the store keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Final, NamedTuple

import orjson
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanmeter import semconv
from spanmeter_collector.content import is_event_content
from spanmeter_collector.otlp import LAST_NANOSECOND, Value, attributes, texts
from spanmeter_collector.reading import Reading, read

_KINDS: Final = dict(enumerate(("", "internal", "server", "client", "producer", "consumer")))
_STATUSES: Final = {int(Status.STATUS_CODE_OK): "ok", int(Status.STATUS_CODE_ERROR): "error"}
_NO_PARENT: Final = bytes(8)
CANCELLED: Final = frozenset({"cancelled", "interrupted"})
"""Outcomes of spans whose status is "cancelled"."""


SpanKey = tuple[bytes, bytes]
"""Trace id and span id: what names a span."""


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


_said: Final = itemgetter(slice(Reading._fields.index("framework"), Reading._fields.index("team") + 1))
"""What a row takes over from a reading as it is, in the row's order."""
_LANGFUSE: Final = "langfuse-sdk"
LANGFUSE_RUN: Final = "langfuse.observation.metadata.ls_model_type"
"""Two instrumentations share Langfuse's scope: wrappers of clients, and a LangChain callback, which alone says this."""
_NO_COUNTS: Final = (0, 0, 0, 0)
SERVICE_KEYS: Final = {semconv.SERVICE_NAME, semconv.SERVICE_INSTANCE_ID}


def read_span(  # noqa: PLR0913  a span, where it came from and what is asked of it
    resource: Mapping[str, str],
    scope: str,
    span: Span,
    *,
    received_at: int,
    content: bool = False,
    known: Mapping[str, Value] | None = None,
) -> tuple[Row, Reading]:
    """The row of a span, and what its attributes say about the call it stands for; `known` are those already read.

    The row holds what was said, asked and retrieved only with `content`; what that tells of the call is read before.
    """
    known = attributes(span.attributes) if known is None else known
    if scope == _LANGFUSE and LANGFUSE_RUN in known:
        scope = f"{scope}.langchain"
    reading = read(known, scope=scope, content=content)
    started = span.start_time_unix_nano
    row = Row._make(
        (
            span.trace_id,
            span.span_id,
            span.parent_span_id if len(span.parent_span_id) == 8 else _NO_PARENT,
            started,
            max(min(span.end_time_unix_nano, LAST_NANOSECOND) - started, 0),
            received_at,
            span.name,
            _KINDS.get(span.kind, ""),
            _status(span, reading, scope),
            span.status.message,
            reading.error_type,
            resource.get(semconv.SERVICE_NAME, ""),
            resource.get(semconv.SERVICE_INSTANCE_ID, ""),
            scope,
            *_said(reading),
            reading.wrapper,
            *counts_of(reading),
            reading.first_chunk_ns,
            reading.rest,
            {key: said for key, said in resource.items() if key not in SERVICE_KEYS},
            _events(span, content=content),
        )
    )
    return row, reading


def counts_of(reading: Reading) -> tuple[int, int, int, int]:
    """The tokens of a row: input, cached input, output and reasoning."""
    usage = reading.usage
    if usage is None:
        return _NO_COUNTS
    return usage.input_tokens, usage.cached_input_tokens, usage.output_tokens, usage.reasoning_tokens


def _status(span: Span, reading: Reading, scope: str) -> str:
    if reading.outcome in CANCELLED:
        return "cancelled"
    if scope == semconv.LANGSMITH_SCOPE and any(event.name == "exception" for event in span.events):
        return "error"  # LangSmith ends some failed runs with the status of good ones
    return _STATUSES.get(span.status.code, "unset")


def _events(span: Span, *, content: bool) -> str:
    """The events as JSON: name, time in nanoseconds since 1970 and attributes."""
    if not span.events:
        return "[]"
    return orjson.dumps(
        [
            {
                "name": event.name,
                "time": event.time_unix_nano,
                "attributes": {
                    key: said
                    for key, said in texts(event.attributes).items()
                    if content or not is_event_content(event.name, key)
                },
            }
            for event in span.events
        ]
    ).decode()
