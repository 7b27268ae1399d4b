"""An intake: what a door takes of a body, and what of it is refused or left out, with the reasons.

Nothing good is lost beside something bad: a span that cannot be kept is refused alone, an attribute that cannot be
read is left out alone, a text that is not UTF-8 is mended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from spanmeter_collector import otlp
from spanmeter_collector.bundle import span_sizes
from spanmeter_collector.glance import is_well
from spanmeter_collector.lengths import LONGEST_KEY, LONGEST_VALUE, cut_long
from spanmeter_collector.mending import TEXT, mend
from spanmeter_collector.otlp import JSON, Request, Signal, malformed
from spanmeter_collector.otlp_json import JsonError, read_json

MOST_SPANS: Final = 32_768
MOST_ATTRIBUTES: Final = 1_024
_BYTES_OF_MOST_ATTRIBUTES: Final = 2 * MOST_ATTRIBUTES  # of an empty one, which is its tag and its length
_BYTES_AROUND: Final = 2  # of a span, at least: its tag and its length
_TOO_MANY: Final = "excess attribute"
_TOO_LONG: Final = "long attribute"
_DROPPED: Final = " is too old: the spans of that day were dropped"
_1970: Final = date(1970, 1, 1).toordinal()
_UNREADABLE: Final = "{} cannot be read"
_SENTENCES: Final[Mapping[str, str]] = {
    TEXT: "{} texts were not UTF-8 and are mended",
    "attribute": "{} attributes could not be read and are left out",
    "event": "{} events could not be read and are left out",
    "link": "{} links could not be read and are left out",
    _TOO_LONG: f"{{}} attributes are cut: {LONGEST_KEY:,} characters of key, {LONGEST_VALUE:,} of value",
    _TOO_MANY: f"{{}} attributes beyond the first {MOST_ATTRIBUTES:,} of a span are left out",
}


class TooManySpansError(ValueError):
    """A request has more spans than are taken at once; the message says how many may be sent."""


@dataclass(frozen=True, slots=True)
class Intake:
    """A request that can be kept: its body in protobuf and how many spans it has, or the `metrics` in it.

    `refused` has the reason of every span or metric that is not in it, `lost` counts what was mended or left out
    inside of those that are, by what it is.
    """

    body: bytes
    spans: int = 0
    metrics: ExportMetricsServiceRequest | None = None
    refused: list[str] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)

    @property
    def too_old(self) -> int:
        """How many of the refused spans are of days that retention dropped."""
        return sum(reason.endswith(_DROPPED) for reason in self.refused)

    @property
    def warning(self) -> str:
        """What to tell the sender: the first reason of a refusal, else what was mended; empty when all is well."""
        if self.refused:
            return self.refused[0]
        return "; ".join(_SENTENCES[part].format(count) for part, count in sorted(self.lost.items()))


Redact = Callable[[Request], None]
"""Changes a request in place."""


def take_in(
    signal: Signal,
    body: bytes,
    *,
    content_type: str = otlp.PROTOBUF,
    closed: Collection[int] = (),
    redact: Redact | None = None,
) -> Intake:
    """Read a body and take out of it what cannot be kept, and what `redact` says.

    Spans of `closed` days, counted from 1970, are too old.

    Raises:
        MalformedError: the body is not such a request.
        TooManySpansError: it has more than `MOST_SPANS` spans.
    """
    if content_type == otlp.PROTOBUF and signal is Signal.TRACES and redact is None:
        spans = _spans_of_short(body)
        if spans is not None and is_well(body, spans=spans, closed=closed):
            return Intake(body, spans)
    return _opened(signal, body, content_type, closed, redact)


def _opened(signal: Signal, body: bytes, content_type: str, closed: Collection[int], redact: Redact | None) -> Intake:
    """What a closer look takes of a body."""
    lost: Counter[str] = Counter()
    request, body = (_from_json if content_type == JSON else _from_protobuf)(signal, body, lost)
    refused = [_UNREADABLE.format(f"a {part}") for part in ("span", "metric") for _ in range(lost.pop(part, 0))]
    if isinstance(request, ExportTraceServiceRequest):
        whole = len(refused), lost.total()
        if otlp.span_count(request) > MOST_SPANS:
            raise TooManySpansError(f"the body has more than {MOST_SPANS:,} spans; send smaller batches")
        _cut(request, span_sizes(body), lost)
        _take_out(request, closed, refused)
        if (len(refused), lost.total()) != whole:
            body = request.SerializeToString()
    if redact:
        redact(request)
        body = request.SerializeToString()
    metrics = request if isinstance(request, ExportMetricsServiceRequest) else None
    return Intake(body, otlp.span_count(request), metrics, refused, lost)


def _spans_of_short(body: bytes) -> int | None:
    """How many spans a body has where all are too short for anything to be cut; None where not, or where too many."""
    try:
        sizes = [size for of_scope in span_sizes(body) for size in of_scope]
    except DecodeError:
        return None
    beside = len(body) - sum(sizes) - _BYTES_AROUND * len(sizes)
    is_short = max(sizes, default=0) <= _BYTES_OF_MOST_ATTRIBUTES and beside <= LONGEST_KEY
    return len(sizes) if is_short and len(sizes) <= MOST_SPANS else None


def _from_protobuf(signal: Signal, body: bytes, lost: Counter[str]) -> tuple[Request, bytes]:
    message = otlp.REQUESTS[signal]
    try:
        return message.FromString(body), body
    except DecodeError as error:
        try:
            mended = mend(message.DESCRIPTOR.full_name, body, lost)
            return message.FromString(mended), mended
        except DecodeError:
            raise malformed(signal, otlp.PROTOBUF, error) from error


def _from_json(signal: Signal, body: bytes, lost: Counter[str]) -> tuple[Request, bytes]:
    message = otlp.REQUESTS[signal]()
    try:
        read_json(message, body, lost)
    except JsonError as error:
        raise malformed(signal, JSON, error) from error
    return message, message.SerializeToString()


def _cut(request: ExportTraceServiceRequest, sizes: Sequence[Sequence[int]], lost: Counter[str]) -> None:
    """Cut attributes that are too long and leave out those beyond the most; `sizes` are the spans', scope by scope."""
    if too_long := cut_long(request, sizes):
        lost[_TOO_LONG] += too_long
    for scope_spans, of_spans in zip(_scopes(request), sizes, strict=True):
        for index in [index for index, size in enumerate(of_spans) if size > _BYTES_OF_MOST_ATTRIBUTES]:
            span = scope_spans.spans[index]
            if (excess := len(span.attributes) - MOST_ATTRIBUTES) > 0:
                lost[_TOO_MANY] += excess
                span.dropped_attributes_count += excess
                del span.attributes[MOST_ATTRIBUTES:]


def _take_out(request: ExportTraceServiceRequest, closed: Collection[int], refused: list[str]) -> None:
    for scope_spans in _scopes(request):
        spans = scope_spans.spans
        found = [index for index, span in enumerate(spans) if otlp.refusal(span) or (closed and _too_old(span, closed))]
        for index in found[::-1]:
            refused.append(otlp.refusal(spans[index]) or _too_old(spans[index], closed))
            del spans[index]


def _scopes(request: ExportTraceServiceRequest) -> Iterator[ScopeSpans]:
    return chain.from_iterable(resource_spans.scope_spans for resource_spans in request.resource_spans)


def _too_old(span: Span, closed: Collection[int]) -> str:
    if not closed or otlp.day(span) not in closed:
        return ""
    return f"span {span.name!r} of {date.fromordinal(_1970 + otlp.day(span))}{_DROPPED}"
