"""What is known when a call starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from opentelemetry.trace import Span, SpanKind, Tracer

from spanmeter import semconv
from spanmeter.current import LiveSpan
from spanmeter.light_tracer import LightTracer, context_below


class Hashed(Protocol):
    """What was asked, as something that can be hashed when the call has ended."""

    def attributes(self, *, answered: bool) -> Attributes:
        """The hashes as attributes of the span; `answered` says that somebody told an answer."""


AttributeValue = str | bool | int | float | Sequence[str]
Attributes = Mapping[str, AttributeValue]


@dataclass(slots=True, unsafe_hash=True)  # not frozen: making one would take three times as long
class Opening:
    """What a framework tells at the start.

    `operation` is a `gen_ai.operation.name` or one of ours, `name` the span's name, `provider` a
    `gen_ai.provider.name`. `wrapper` says from the start that the call only encloses the real one;
    for `claims_children` see `current.LiveSpan`. `prompt` reads the texts that were asked, one of each message and one
    of each tool definition; it is called only when the usage has to be estimated, later and in another thread.
    `asked` is what is hashed of the same, at the end of a call that counts. `quote` reads what goes onto the span of
    it where content is captured (`content.content.Quote`), None where it is not.
    `region` is where the request has to be served when that has a price of its own, see `pricing.PriceKey`.
    """

    operation: str
    name: str
    framework: str
    provider: str = ""
    model: str = ""
    region: str = ""
    attributes: Attributes = field(default_factory=dict)
    wrapper: bool = False
    claims_children: bool = False
    prompt: Callable[[], Sequence[str]] | None = field(default=None, compare=False, repr=False)
    asked: Hashed | None = field(default=None, compare=False, repr=False)
    quote: Callable[[], Mapping[str, Any]] | None = field(default=None, compare=False, repr=False)


def opening_attributes(opening: Opening) -> dict[str, AttributeValue]:
    """Spell an opening as span attributes."""
    standard = opening.operation in semconv.STANDARD_OPERATIONS
    attributes: dict[str, AttributeValue] = {
        semconv.OPERATION_NAME if standard else semconv.OPERATION: opening.operation,
    }
    if opening.framework:
        attributes[semconv.FRAMEWORK] = opening.framework
    if opening.provider:
        attributes[semconv.PROVIDER_NAME] = opening.provider
    if opening.model:
        attributes[semconv.REQUEST_MODEL] = opening.model
    if opening.region:
        attributes[semconv.PRICE_REGION] = opening.region
    attributes |= opening.attributes
    return attributes


def start_span(opening: Opening, *, tracer: Tracer, parent: Span, stamps: Mapping[str, str]) -> Span:
    """Start the span of an opening below `parent`, with further attributes in `stamps`."""
    attributes = opening_attributes(opening)
    if stamps:
        attributes |= stamps
    kind = SpanKind.CLIENT if opening.operation in semconv.CALL_OPERATIONS else SpanKind.INTERNAL
    own = _own(parent)
    if type(tracer) is LightTracer:
        return tracer.start_below(own, opening.name, kind=kind, attributes=attributes)
    return tracer.start_span(opening.name, context=context_below(own), kind=kind, attributes=attributes)


def write_span(
    name: str, attributes: dict[str, AttributeValue], *, tracer: Tracer, parent: Span, began_ns: int
) -> None:
    """Write the span of what began at `began_ns`, in nanoseconds since 1970, and ends now; nothing is below it."""
    own = _own(parent)
    if type(tracer) is LightTracer:
        tracer.write_below(own, name, attributes=attributes, at_ns=began_ns)
    else:
        tracer.start_span(name, context=context_below(own), attributes=attributes, start_time=began_ns).end()


def _own(parent: Span) -> Span:
    """Of a live span the SDK would ask three times what it is."""
    return parent.span if isinstance(parent, LiveSpan) else parent
