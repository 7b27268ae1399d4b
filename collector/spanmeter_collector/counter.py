"""A counter: what an application process says it has counted itself, before sampling and before any queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    AGGREGATION_TEMPORALITY_DELTA,
    Metric,
    NumberDataPoint,
)

from spanmeter import semconv
from spanmeter_collector.otlp import LAST_NANOSECOND, texts

_MOST: Final = 10**15
"""Nobody counts further; one sender that does must not spoil the sums of all."""
_SUMS: Final = {AGGREGATION_TEMPORALITY_CUMULATIVE, AGGREGATION_TEMPORALITY_DELTA}


class Counter(NamedTuple):
    """One row of table `counters`: a value of one process, summed up since `start_time`.

    `time` and `start_time` are nanoseconds since 1970 by the sender's clock, `received_at` milliseconds by ours. A
    process that sends differences begins anew with each: then every value has a start of its own.
    """

    time: int
    start_time: int
    service: str
    instance: str
    name: str
    attributes: Mapping[str, str]
    value: float
    received_at: int


def counters(request: ExportMetricsServiceRequest, *, received_at: int) -> list[Counter]:
    """The sums of `spanmeter.client.*` in a request, those that may be; every other metric is left out."""
    return [
        _counter(resource, metric, point, received_at)
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
    if metric.name.startswith(semconv.COUNTER_PREFIX) and metric.sum.aggregation_temporality in _SUMS:
        yield from (point for point in metric.sum.data_points if _is_kept(point))


def _is_kept(point: NumberDataPoint) -> bool:
    return 0 < point.time_unix_nano <= LAST_NANOSECOND and 0 <= _value(point) <= _MOST


def _counter(resource: Mapping[str, str], metric: Metric, point: NumberDataPoint, received_at: int) -> Counter:
    is_difference = metric.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA
    unknown = point.time_unix_nano if is_difference else 0
    return Counter(
        time=point.time_unix_nano,
        start_time=min(point.start_time_unix_nano or unknown, LAST_NANOSECOND),
        service=resource.get(semconv.SERVICE_NAME, ""),
        instance=resource.get(semconv.SERVICE_INSTANCE_ID, ""),
        name=metric.name,
        attributes=texts(point.attributes),
        value=_value(point),
        received_at=received_at,
    )


def _value(point: NumberDataPoint) -> float:
    return point.as_double if point.WhichOneof("value") == "as_double" else float(point.as_int)
