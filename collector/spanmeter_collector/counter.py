"""A counter: what an application process says it has counted itself, before sampling and before any queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE, Metric, NumberDataPoint

from spanmeter import semconv
from spanmeter_collector.otlp import LAST_NANOSECOND, texts

PREFIX: Final = "spanmeter.client."


class Counter(NamedTuple):
    """One row of table `counters`: a cumulative value of one process; times are nanoseconds since 1970."""

    time: int
    start_time: int
    service: str
    instance: str
    name: str
    attributes: Mapping[str, str]
    value: float


def counters(request: ExportMetricsServiceRequest) -> list[Counter]:
    """The cumulative sums of `spanmeter.client.*` in a request; every other metric is left out."""
    return [
        _counter(resource, metric.name, point)
        for resource_metrics in request.resource_metrics
        for resource in [texts(resource_metrics.resource.attributes)]
        for scope_metrics in resource_metrics.scope_metrics
        for metric in scope_metrics.metrics
        for point in _kept_points(metric)
    ]


def point_count(request: ExportMetricsServiceRequest) -> int:
    """How many data points of any kind a request carries."""
    return sum(
        len(getattr(metric, kind).data_points)
        for resource_metrics in request.resource_metrics
        for scope_metrics in resource_metrics.scope_metrics
        for metric in scope_metrics.metrics
        if (kind := metric.WhichOneof("data"))
    )


def _kept_points(metric: Metric) -> Iterator[NumberDataPoint]:
    if metric.name.startswith(PREFIX) and metric.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE:
        yield from (point for point in metric.sum.data_points if 0 < point.time_unix_nano <= LAST_NANOSECOND)


def _counter(resource: Mapping[str, str], name: str, point: NumberDataPoint) -> Counter:
    return Counter(
        time=point.time_unix_nano,
        start_time=min(point.start_time_unix_nano, LAST_NANOSECOND),
        service=resource.get(semconv.SERVICE_NAME, ""),
        instance=resource.get(semconv.SERVICE_INSTANCE_ID, ""),
        name=name,
        attributes=texts(point.attributes),
        value=point.as_double if point.WhichOneof("value") == "as_double" else float(point.as_int),
    )
