from __future__ import annotations

import math

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    AGGREGATION_TEMPORALITY_DELTA,
    AGGREGATION_TEMPORALITY_UNSPECIFIED,
    AggregationTemporality,
    Metric,
    NumberDataPoint,
    Sum,
)

from spanmeter_collector.counter import Counter, counters, point_count

POINT = NumberDataPoint(time_unix_nano=20, start_time_unix_nano=10, as_int=7)


def metric(
    name: str,
    point: NumberDataPoint = POINT,
    temporality: AggregationTemporality.ValueType = AGGREGATION_TEMPORALITY_CUMULATIVE,
) -> Metric:
    return Metric(name=name, sum=Sum(data_points=[point], aggregation_temporality=temporality))


def request_of(*metrics: Metric) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    resource_metrics = request.resource_metrics.add()
    for key in ("service.name", "service.instance.id"):
        resource_metrics.resource.attributes.add(key=key).value.string_value = f"the {key}"
    resource_metrics.scope_metrics.add().metrics.extend(metrics)
    return request


def test_the_cumulative_sums_of_our_clients_are_kept() -> None:
    cost = NumberDataPoint(time_unix_nano=20, start_time_unix_nano=10, as_double=0.25)
    cost.attributes.add(key="gen_ai.request.model").value.string_value = "m"
    request = request_of(metric("spanmeter.client.calls"), metric("spanmeter.client.cost", cost))
    of_both = {
        "time": 20,
        "start_time": 10,
        "service": "the service.name",
        "instance": "the service.instance.id",
        "received_at": 30,
    }

    assert counters(request, received_at=30) == [
        Counter(**of_both, name="spanmeter.client.calls", attributes={}, value=7.0),  # type: ignore[arg-type]
        Counter(**of_both, name="spanmeter.client.cost", attributes={"gen_ai.request.model": "m"}, value=0.25),  # type: ignore[arg-type]
    ]


def test_other_metrics_are_counted_and_not_kept() -> None:
    histogram = Metric(name="gen_ai.client.token.usage")
    histogram.histogram.data_points.add()
    gauge = Metric(name="spanmeter.client.gauge")
    gauge.gauge.data_points.add(time_unix_nano=20)
    request = request_of(
        histogram,
        gauge,
        Metric(name="spanmeter.client.empty"),
        metric("http.requests"),
        metric("spanmeter.client.calls", temporality=AGGREGATION_TEMPORALITY_UNSPECIFIED),
        metric("spanmeter.client.calls", NumberDataPoint(time_unix_nano=0)),
        metric("spanmeter.client.calls", NumberDataPoint(time_unix_nano=20, as_int=-1)),
        metric("spanmeter.client.cost_usd", NumberDataPoint(time_unix_nano=20, as_double=math.inf)),
        metric("spanmeter.client.cost_usd", NumberDataPoint(time_unix_nano=20, as_double=math.nan)),
        metric("spanmeter.client.cost_usd", NumberDataPoint(time_unix_nano=20, as_double=1e17)),
    )

    assert counters(request, received_at=30) == []
    assert point_count(request) == 9


def test_differences_start_anew_with_each_value() -> None:
    told = [NumberDataPoint(time_unix_nano=20, start_time_unix_nano=start, as_int=7) for start in (10, 0)]
    request = request_of(*(metric("spanmeter.client.calls", one, AGGREGATION_TEMPORALITY_DELTA) for one in told))

    assert [one.start_time for one in counters(request, received_at=30)] == [10, 20]
