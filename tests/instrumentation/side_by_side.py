"""The SDK's tracer and ours over it, from the same start: two providers alike, each with the spans it exported."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import DEFAULT_ON, Sampler
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags, TraceState

from spanmeter.light_tracer import LightTracer, context_below, lightened

STATE: Final = TraceState([("vendor", "a:b")])
PARENTS: Final[dict[str, Span]] = {
    "no parent": INVALID_SPAN,
    "sampled": NonRecordingSpan(SpanContext(1 << 100, 7, is_remote=False, trace_flags=TraceFlags(1))),
    "not sampled": NonRecordingSpan(SpanContext(1 << 100, 7, is_remote=False, trace_flags=TraceFlags(0))),
    "remote": NonRecordingSpan(SpanContext(5, 7, is_remote=True, trace_flags=TraceFlags(1), trace_state=STATE)),
    "random": NonRecordingSpan(SpanContext(5, 7, is_remote=True, trace_flags=TraceFlags(3), trace_state=STATE)),
    "further flags": NonRecordingSpan(SpanContext(5, 7, is_remote=True, trace_flags=TraceFlags(0xFD))),
    "remote, not sampled": NonRecordingSpan(SpanContext(5, 7, is_remote=True, trace_state=STATE)),
}


class Taker(SpanProcessor):
    """What takes light spans themselves, as our queue does."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)

    take_light = on_end


@dataclass
class Pair:
    """Both tracers; `taking` has both hand their spans to a `Taker` instead of an exporter."""

    sampler: Sampler = DEFAULT_ON
    limits: SpanLimits = field(default_factory=SpanLimits)
    processors: tuple[SpanProcessor, ...] = ()
    taking: bool = False

    def __post_init__(self) -> None:
        self.providers = tuple(
            TracerProvider(self.sampler, Resource({"host": "h"}), shutdown_on_exit=False, span_limits=self.limits)
            for _ in range(2)
        )
        self.exporters = tuple(InMemorySpanExporter() for _ in self.providers)
        self.takers = tuple(Taker() for _ in self.providers)
        for place, provider in enumerate(self.providers):
            last = self.takers[place] if self.taking else SimpleSpanProcessor(self.exporters[place])
            for processor in (*self.processors, last):
                provider.add_span_processor(processor)
        theirs, ours = (provider.get_tracer("scope", "1", "https://schema") for provider in self.providers)
        light = lightened(ours)
        assert isinstance(light, LightTracer)
        self.theirs, self.ours = theirs, light

    def start(self, parent: Span, attributes: dict[str, Any], *, seed: int = 0) -> tuple[Span, Span]:
        """Start one span of each, with the same identity."""
        random.seed(seed)
        theirs = self.theirs.start_span(
            "name", context=context_below(parent), kind=SpanKind.CLIENT, attributes=dict(attributes)
        )
        random.seed(seed)
        return theirs, self.ours.start_below(parent, "name", kind=SpanKind.CLIENT, attributes=dict(attributes))

    def exported(self) -> tuple[Any, Any]:
        """What the SDK's encoder says of the spans of each, without the times."""
        ended = (
            [taker.spans for taker in self.takers]
            if self.taking
            else [exporter.get_finished_spans() for exporter in self.exporters]
        )
        theirs, ours = ([_timeless(MessageToDict(encode_spans([span]))) for span in spans] for spans in ended)
        return theirs, ours


def _timeless(told: Any) -> Any:
    if isinstance(told, dict):
        return {key: _timeless(value) for key, value in told.items() if not key.endswith("UnixNano")}
    return [_timeless(item) for item in told] if isinstance(told, list) else told
