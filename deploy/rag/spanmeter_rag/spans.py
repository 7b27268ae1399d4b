"""How many spans this process has ended, to compare with how many the sidecar stored."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from prometheus_client import CollectorRegistry, Counter


class EndedSpans(SpanProcessor):
    """Counts every sampled span that ends; added beside the processor that exports them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter("rag_spans_ended", "Spans ended in this process.", registry=registry)

    def on_end(self, span: ReadableSpan) -> None:
        """Count one."""
        context = span.get_span_context()
        if context is not None and context.trace_flags.sampled:
            self._count.inc()


def count_ended_spans(registry: CollectorRegistry) -> None:
    """Count in the registry what this process's tracer provider ends from now on."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.add_span_processor(EndedSpans(registry))
