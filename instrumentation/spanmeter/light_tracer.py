"""Starts light spans where the SDK would have nothing to decide, and has the SDK start all others."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import SpanProcessor, SynchronousMultiSpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, DEFAULT_ON, ParentBased, ParentBasedTraceIdRatio, Sampler
from opentelemetry.trace import Span, SpanContext, SpanKind, TraceFlags, Tracer, TraceState
from opentelemetry.trace.propagation import _SPAN_KEY
from opentelemetry.trace.span import DEFAULT_TRACE_STATE

from spanmeter.known_sdk import is_known_sdk
from spanmeter.light_span import LightSpan, is_clean


class Listeners(NamedTuple):
    """Which of the `processors` of a tracer want to hear of a span of ours.

    `take` is what the only one that listens at the end has for the span itself, its `take_light`.
    """

    processors: tuple[SpanProcessor, ...]
    at_start: tuple[SpanProcessor, ...]
    take: Callable[[LightSpan], object] | None


class LightTracer(Tracer):
    """The SDK's tracer, which starts a span of ours as a `LightSpan` where sampler and limits leave no question open.

    With another sampler than the SDK's own that sample what is below a sampled span, for a parent that is not
    sampled, with values that need cleaning or with more attributes than there is room for, the SDK starts it.
    """

    def __init__(self, tracer: sdk.Tracer) -> None:
        self.sdk = tracer
        self.limits = tracer._span_limits  # noqa: SLF001
        self.scope = tracer._instrumentation_scope  # noqa: SLF001
        self.room = sys.maxsize if self.limits.max_span_attributes is None else self.limits.max_span_attributes
        self._is_enabled: Callable[[], bool] = getattr(tracer, "_is_enabled", _always)
        self._listeners = Listeners((), (), None)
        self._judge(tracer.sampler)

    def start_span(self, *args: Any, **options: Any) -> Span:  # noqa: ANN401
        """Start a span of the SDK's."""
        return self.sdk.start_span(*args, **options)

    def start_as_current_span(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """Start a span of the SDK's."""
        return self.sdk.start_as_current_span(*args, **options)

    def start_below(
        self, parent: Span, name: str, *, kind: SpanKind, attributes: dict[str, Any], at_ns: int | None = None
    ) -> Span:
        """Start a span as if `parent` were current; `attributes` is the span's own from here on.

        `at_ns` is when it began, in nanoseconds since 1970, None for now.
        """
        above = parent.get_span_context()
        if not self._is_plain(above) or len(attributes) > self.room or not is_clean(attributes):
            below = context_below(parent)
            return self.sdk.start_span(name, context=below, kind=kind, attributes=attributes, start_time=at_ns)
        identity, over = self._below(above)
        span = LightSpan.started(name, identity, parent=over, kind=kind, attributes=attributes, by=self)
        if at_ns is not None:
            span.began(at_ns)
        for processor in self.listeners(self.sdk.span_processor).at_start:
            processor.on_start(span, parent_context=context_below(parent))
        return span

    def write_below(self, parent: Span, name: str, *, attributes: dict[str, Any], at_ns: int) -> None:
        """Write a span that began at `at_ns` and ends now: as `start_below` and `end` would, but quicker."""
        above, listeners = parent.get_span_context(), None
        if self._is_plain(above) and len(attributes) <= self.room and is_clean(attributes):
            listeners = self.listeners(self.sdk.span_processor)
        if listeners is None or listeners.take is None or listeners.at_start:
            self.start_below(parent, name, kind=SpanKind.INTERNAL, attributes=attributes, at_ns=at_ns).end()
            return
        identity, over = self._below(above)
        kind = SpanKind.INTERNAL
        span = LightSpan.started(name, identity, parent=over, kind=kind, attributes=attributes, by=self)
        listeners.take(span.ended(at_ns))

    def _below(self, above: SpanContext) -> tuple[SpanContext, SpanContext | None]:
        """Return the identity of a span, and what it is below, None for a root."""
        if not above.is_valid:
            return self._root_identity(), None
        return self._identity(above.trace_id, _FLAGS[above.trace_flags & _RANDOM], above.trace_state), above

    def listeners(self, processor: SpanProcessor) -> Listeners:
        """Return who listens behind the tracer's processor; the SDK makes a new tuple whenever one is added."""
        processors = processor._span_processors  # type: ignore[attr-defined]  # noqa: SLF001
        found = self._listeners
        if found.processors is not processors:
            found = self._listeners = _listeners(processors)
        return found

    def _is_plain(self, above: SpanContext) -> bool:
        tracer = self.sdk
        if tracer.sampler is not self._sampler:
            self._judge(tracer.sampler)
        if type(above) is not SpanContext or type(tracer.span_processor) is not SynchronousMultiSpanProcessor:
            return False
        sampled = self._samples_below and above.trace_flags & _SAMPLED if above.is_valid else self._samples_roots
        return bool(sampled) and self._is_enabled()

    def _judge(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._samples_roots = sampler is DEFAULT_ON or sampler is ALWAYS_ON
        self._samples_below = sampler is ALWAYS_ON or _samples_below(sampler)

    def _root_identity(self) -> SpanContext:
        generator = self.sdk.id_generator
        flags = _FLAGS[_RANDOM if _RANDOM and generator.is_trace_id_random() else 0]
        return self._identity(generator.generate_trace_id(), flags, DEFAULT_TRACE_STATE)

    def _identity(self, trace_id: int, flags: TraceFlags, state: TraceState) -> SpanContext:
        """Return the identity of a sampled span, as the SDK makes it."""
        generator = self.sdk.id_generator
        span_id = generator.generate_span_id()
        if type(generator) is RandomIdGenerator:  # whose are valid: no need to look at their size
            return _tuple(SpanContext, (trace_id, span_id, False, flags, state, True))
        return SpanContext(trace_id, span_id, is_remote=False, trace_flags=flags, trace_state=state)


def lightened(tracer: Tracer) -> Tracer:
    """Return a tracer that starts light spans, or the same one where it is not the SDK's as it is known here.

    Nor where spans are counted by the SDK itself or values may be too long: there each start is the SDK's.
    """
    if type(tracer) is not sdk.Tracer or not is_known_sdk():
        return tracer
    limits = tracer._span_limits  # noqa: SLF001
    counted = type(getattr(tracer, "_tracer_metrics", None)).__name__ not in {"NoneType", "NoOpTracerMetrics"}
    return tracer if counted or limits.max_span_attribute_length is not None else LightTracer(tracer)


def context_below(parent: Span) -> Context:
    """Return what is current with `parent` itself in it."""
    running = context.get_current()
    return running if running.get(_SPAN_KEY) is parent else Context({**running, _SPAN_KEY: parent})


def _listeners(processors: tuple[SpanProcessor, ...]) -> Listeners:
    at_end = [processor for processor in processors if not _passes(processor.on_end)]
    ending = [processor for processor in processors if not _passes(getattr(processor, "_on_ending", None))]
    take = getattr(at_end[0], "take_light", None) if len(at_end) == 1 and not ending else None
    at_start = tuple(processor for processor in processors if not _passes(processor.on_start))
    return Listeners(processors, at_start, take)


def _passes(method: object) -> bool:
    return method is None or getattr(method, "__func__", None) in passing


_PROCESSORS: Final = (SpanProcessor, BatchSpanProcessor, SimpleSpanProcessor)
passing: Final[set[object]] = {SpanProcessor.on_end, *(kind.on_start for kind in _PROCESSORS)}
"""Methods of processors that do nothing with a span of ours."""
passing.update(filter(None, (vars(kind).get("_on_ending") for kind in _PROCESSORS)))


def _samples_below(sampler: Sampler) -> bool:
    if type(sampler) not in {ParentBased, ParentBasedTraceIdRatio}:
        return False
    chosen = (getattr(sampler, name, None) for name in ("_local_parent_sampled", "_remote_parent_sampled"))
    return all(below is ALWAYS_ON for below in chosen)


def _always() -> bool:
    return True


_SAMPLED: Final = int(TraceFlags.SAMPLED)
_RANDOM: Final = (
    int(getattr(TraceFlags, "RANDOM_TRACE_ID", 0)) if hasattr(RandomIdGenerator, "is_trace_id_random") else 0
)
_FLAGS: Final = {random: TraceFlags(_SAMPLED | random) for random in {0, _RANDOM}}
_tuple: Final = tuple.__new__
