"""Where the process's spans and counters go while it is instrumented."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from time import perf_counter
from typing import Final

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from spanmeter import semconv
from spanmeter.call import Call
from spanmeter.current import here
from spanmeter.opening import Attributes
from spanmeter.scope import current_scope
from spanmeter.tally import tally
from spanmeter.version import __version__

DEFAULT_ENDPOINT: Final = "http://127.0.0.1:4318"
COUNTERS_EVERY_MILLIS: Final = 10_000
HURRIED_TIMEOUT_S: Final = 2
GIVE_UP_AFTER_S: Final = 1
_MODEL_OPERATIONS: Final = semconv.GENERATION_OPERATIONS | {"embeddings"}
_INSTANCE_ID: Final = str(uuid.uuid4())


class Telemetry:
    """Sends every span of the application's tracer provider to the sidecar, and the process's counters beside them.

    Without an SDK tracer provider one is made and set; the application's own is added to. Queue, batching and
    retries are the SDK's, and its `OTEL_*` variables are obeyed.
    """

    def __init__(
        self, *, service_name: str | None, endpoint: str | None, tracer_provider: TracerProvider | None = None
    ) -> None:
        self.tracer_provider = tracer_provider or _tracer_provider(service_name)
        counters = _Counters(_meter_provider(self.tracer_provider.resource, endpoint))
        self._processors: Sequence[SpanProcessor] = (_Stamp(), _Queue(_Exporter(_url(endpoint, "traces"))), counters)
        for processor in self._processors:
            self.tracer_provider.add_span_processor(processor)

    def close(self) -> None:
        """Send what is waiting and take our processors out of the tracer provider."""
        active = self.tracer_provider._active_span_processor  # noqa: SLF001  the SDK has no way to remove a processor
        with active._lock:  # noqa: SLF001
            kept = tuple(seen for seen in active._span_processors if seen not in self._processors)  # noqa: SLF001
            active._span_processors = kept  # noqa: SLF001
        for processor in self._processors:
            processor.shutdown()


class _Stamp(SpanProcessor):
    """Stamps the spans of others and counts what goes to the queue.

    They get what `spanmeter.context` says, and `spanmeter.inside_call` where they start inside a model call of ours:
    they tell of the same call once more.
    """

    def on_start(self, span: Span, parent_context: context.Context | None = None) -> None:  # noqa: ARG002
        if span.instrumentation_scope is not None and span.instrumentation_scope.name == semconv.SCOPE:
            return
        attributes: Attributes = current_scope().attributes
        if _inside_model_call():
            attributes = {**attributes, semconv.INSIDE_CALL: True}
        if attributes:
            span.set_attributes(attributes)

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            tally.add_span()


def _inside_model_call() -> bool:
    innermost = here().call
    return isinstance(innermost, Call) and innermost.opening.operation in _MODEL_OPERATIONS


class _Exporter(SpanExporter):
    """Sends spans to the sidecar and counts those it took; in a hurry it does not wait long for a sidecar to appear.

    The SDK tries each batch for ten seconds, also while the process waits to exit.
    """

    def __init__(self, endpoint: str | None) -> None:
        self._patient: SpanExporter = OTLPSpanExporter(endpoint=endpoint)
        self._hurried: SpanExporter = OTLPSpanExporter(endpoint=endpoint, timeout=HURRIED_TIMEOUT_S)
        self._in_hurry = False
        self._waited_s = 0.0

    def hurry(self) -> None:
        """Break off waiting for a next attempt; what is sent from now on gets a short time for all its failures."""
        self._in_hurry = True
        self._patient.shutdown()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE if self._in_hurry else self._patient.export(spans)
        if self._in_hurry and result is SpanExportResult.FAILURE and self._waited_s < GIVE_UP_AFTER_S:
            result = self._hurriedly(spans)
        if result is SpanExportResult.SUCCESS:
            tally.add_exported(len(spans))
        return result

    def _hurriedly(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        started = perf_counter()
        result = self._hurried.export(spans)
        if result is SpanExportResult.FAILURE:
            self._waited_s += perf_counter() - started
        return result

    def shutdown(self) -> None:
        self._hurried.shutdown()


class _Queue(BatchSpanProcessor):
    """The SDK's queue, which does not hold up an exit when there is no sidecar."""

    def __init__(self, exporter: _Exporter) -> None:
        super().__init__(
            exporter,
            schedule_delay_millis=None if "OTEL_BSP_SCHEDULE_DELAY" in os.environ else 1_000,
            max_queue_size=None if "OTEL_BSP_MAX_QUEUE_SIZE" in os.environ else 16_384,
        )
        self._hurry = exporter.hurry

    def shutdown(self) -> None:
        self._hurry()
        super().shutdown()  # type: ignore[no-untyped-call]


class _Counters(SpanProcessor):
    """Exports the process's counters, for the last time when all spans are out."""

    def __init__(self, meter_provider: MeterProvider) -> None:
        tally.observe_by(meter_provider.get_meter(semconv.SCOPE, __version__))
        self._meter_provider = meter_provider

    def shutdown(self) -> None:
        self._meter_provider.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._meter_provider.force_flush(timeout_millis)


def _tracer_provider(service_name: str | None) -> TracerProvider:
    existing = trace.get_tracer_provider()
    if isinstance(existing, TracerProvider):
        return existing
    provider = TracerProvider(resource=_resource(service_name))
    trace.set_tracer_provider(provider)
    return provider


def _resource(service_name: str | None) -> Resource:
    named = {semconv.SERVICE_NAME: service_name} if service_name else {}
    given = Resource.create(named)
    return given if given.attributes.get(semconv.SERVICE_INSTANCE_ID) else given.merge(_instance())


def _instance() -> Resource:
    return Resource({semconv.SERVICE_INSTANCE_ID: _INSTANCE_ID})


def _meter_provider(resource: Resource, endpoint: str | None) -> MeterProvider:
    # What one attempt misses the next one brings, for the counters are cumulative: no reason to hold up an exit.
    exporter = OTLPMetricExporter(endpoint=_url(endpoint, "metrics"), timeout=HURRIED_TIMEOUT_S)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=COUNTERS_EVERY_MILLIS)
    return MeterProvider([reader], resource=_instance().merge(resource), shutdown_on_exit=False)


def _url(endpoint: str | None, signal: str) -> str | None:
    """Return where a signal goes; None leaves it to the SDK's own variables."""
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"} & os.environ.keys()
    if endpoint is None and told:
        return None
    return f"{(endpoint or DEFAULT_ENDPOINT).rstrip('/')}/v1/{signal}"
