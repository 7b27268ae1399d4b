"""Where the process's spans and counters go while it is instrumented."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from spanmeter import semconv
from spanmeter.destination import Destination
from spanmeter.exporter import Exporter
from spanmeter.fork import in_child
from spanmeter.instance import instance_id
from spanmeter.light_span import LightSpan
from spanmeter.loss import Reason, lose
from spanmeter.settling import settling
from spanmeter.spool import SpoolSettings
from spanmeter.stamp import Stamp
from spanmeter.tally import tally
from spanmeter.version import __version__
from spanmeter.wire import HURRIED_TIMEOUT_S, Outcome, Wire

COUNTERS_EVERY_MILLIS: Final = 10_000


class Telemetry:
    """Sends every span of the application's tracer provider to the sidecar, and the process's counters beside them.

    Without an SDK tracer provider one is made and set; the application's own is added to. Queue and batching are the
    SDK's, and its `OTEL_*` variables are obeyed.
    """

    def __init__(
        self,
        *,
        service_name: str | None,
        endpoint: str | None,
        tracer_provider: TracerProvider | None = None,
    ) -> None:
        exporter = Exporter(Destination.of("traces", endpoint), SpoolSettings.from_environment(os.environ))
        counters = _CounterExporter(Wire(Destination.of("metrics", endpoint)))
        self.tracer_provider = _tracer_provider(tracer_provider, service_name)
        described = _instance().merge(self.tracer_provider.resource)
        meter_provider = _meter_provider(described, counters)
        self._processors: Sequence[SpanProcessor] = (Stamp(), _Queue(exporter), _Counters(meter_provider))
        for processor in self._processors:
            self.tracer_provider.add_span_processor(processor)
        self._resources = [described, self.tracer_provider.resource]
        in_child(self._identify)

    def close(self) -> None:
        """Send what is waiting and take our processors out of the tracer provider."""
        active = self.tracer_provider._active_span_processor  # noqa: SLF001  the SDK has no way to remove a processor
        with active._lock:  # noqa: SLF001
            kept = tuple(seen for seen in active._span_processors if seen not in self._processors)  # noqa: SLF001
            active._span_processors = kept  # noqa: SLF001
        for processor in self._processors:
            processor.shutdown()

    def _identify(self) -> None:
        # A newer SDK does this itself, with resources of its own. Tracers made before have to know, and spans and
        # counters have to tell one id, or the sidecar takes the process's calls for lost.
        for resource in self._resources:
            if semconv.SERVICE_INSTANCE_ID in resource.attributes:
                resource._attributes._dict.update(_instance().attributes)  # noqa: SLF001


class _Queue(BatchSpanProcessor):
    """The SDK's queue, which does not hold up an exit when there is no sidecar, and whose losses are counted."""

    def __init__(self, exporter: Exporter) -> None:
        outlet = _Outlet(exporter)
        super().__init__(
            outlet,
            schedule_delay_millis=None if "OTEL_BSP_SCHEDULE_DELAY" in os.environ else 1_000,
            max_queue_size=None if "OTEL_BSP_MAX_QUEUE_SIZE" in os.environ else 16_384,
        )
        outlet.queue = _deque_of(self)
        self._hurry = exporter.hurry
        self._emit: Callable[[ReadableSpan], object] = getattr(
            getattr(self, "_batch_processor", None), "emit", super().on_end
        )

    def on_end(self, span: ReadableSpan) -> None:
        super().on_end(span)
        if span.context is not None and span.context.trace_flags.sampled:
            tally.add_span()

    def take_light(self, span: LightSpan) -> None:
        """Queue a light span itself, which is sampled."""
        self._emit(span)
        tally.add_span()

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        settling.now()
        return super().force_flush(timeout_millis)

    def shutdown(self) -> None:
        settling.now()
        self._hurry()
        super().shutdown()  # type: ignore[no-untyped-call]


class _Outlet(SpanExporter):
    """Where spans leave the queue: those that went in, are in it no more and never came here, it dropped."""

    def __init__(self, exporter: Exporter) -> None:
        self.queue: deque[ReadableSpan] = deque()
        self._exporter = exporter
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        self._gone = tally.spans

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        entered, waiting = tally.spans, len(self.queue)  # in this order, for spans enter meanwhile
        self._gone += len(spans)
        dropped = entered - waiting - self._gone
        if dropped > 0:
            self._gone += dropped
            lose(dropped, Reason.QUEUE_FULL)
        return self._exporter.export(spans)

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _deque_of(queue: BatchSpanProcessor) -> deque[ReadableSpan]:
    """Return where the SDK keeps what waits, which it tells nobody: before 1.33 in the processor itself."""
    held: deque[ReadableSpan] | None = getattr(queue, "queue", None)
    return queue._batch_processor._queue if held is None else held  # noqa: SLF001


class _Counters(SpanProcessor):
    """Exports the process's counters, for the last time when all spans are out."""

    def __init__(self, meter_provider: MeterProvider) -> None:
        tally.observe_by(meter_provider.get_meter(semconv.SCOPE, __version__))
        self._meter_provider = meter_provider

    def shutdown(self) -> None:
        self._meter_provider.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._meter_provider.force_flush(timeout_millis)


class _CounterExporter(MetricExporter):
    """Sends the counters with one attempt each: what one misses the next one brings, for they are cumulative."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire
        wire.timeout_s = HURRIED_TIMEOUT_S

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,  # noqa: ARG002
        **_: Any,  # noqa: ANN401  the SDK's
    ) -> MetricExportResult:
        reply = self._wire.post(encode_metrics(metrics_data).SerializeToString())
        return MetricExportResult.SUCCESS if reply.outcome is Outcome.TAKEN else MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:  # noqa: ANN401, ARG002  the SDK's
        self._wire.close()


def _tracer_provider(given: TracerProvider | None, service_name: str | None) -> TracerProvider:
    """Return the tracer provider to use: the application's, or one that is made here."""
    existing = given or trace.get_tracer_provider()
    if isinstance(existing, TracerProvider):
        return existing
    provider = TracerProvider(resource=_resource(service_name))
    trace.set_tracer_provider(provider)
    return provider


def _resource(service_name: str | None) -> Resource:
    named = {semconv.SERVICE_NAME: service_name} if service_name else {}
    return _instance().merge(Resource.create(named))


def _instance() -> Resource:
    return Resource({semconv.SERVICE_INSTANCE_ID: instance_id()})


def _meter_provider(resource: Resource, exporter: MetricExporter) -> MeterProvider:
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=COUNTERS_EVERY_MILLIS)
    return MeterProvider([reader], resource=resource, shutdown_on_exit=False)
