from __future__ import annotations

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler
from prometheus_client import CollectorRegistry

from spanmeter_rag.spans import EndedSpans


def _counted(sampler: Sampler | None) -> float | None:
    registry = CollectorRegistry()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(EndedSpans(registry))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner"):
        tracer.start_span("never ended")
    return registry.get_sample_value("rag_spans_ended_total")


def test_every_span_that_ends_is_counted() -> None:
    assert _counted(None) == 2


def test_what_is_not_sampled_is_not_expected_in_the_store() -> None:
    assert _counted(ALWAYS_OFF) == 0
