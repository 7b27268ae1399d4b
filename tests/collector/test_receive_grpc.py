from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from spanmeter.pricing import PriceBook
from spanmeter_collector.log import Log
from spanmeter_collector.pipeline import Pipeline
from spanmeter_collector.receive_grpc import GrpcDoor
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture
def channel(sidecar: Any) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(sidecar.grpc, options=[("grpc.max_send_message_length", -1)]) as opened:
        yield opened


def refusal(channel: grpc.Channel, body: bytes, method: str = TRACES) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(method)(body, timeout=30)
    return refused.value.code(), refused.value.details()


def test_the_sdks_exporter_brings_a_call_to_the_ledger(sidecar: Any, call_attributes: dict[str, Any]) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "by-grpc"}))
    exporter = OTLPSpanExporter(endpoint=sidecar.grpc, insecure=True, compression=grpc.Compression.Gzip)
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    provider.get_tracer("spanmeter").start_span("chat gpt-4o-mini", attributes=call_attributes).end()
    provider.shutdown()

    sidecar.settle()
    total = sidecar.get("/api/v1/cost?service=by-grpc")["total"]
    assert (total["calls"], total["input_tokens"], total["output_tokens"], total["cost_usd"]) == (
        1,
        1000,
        100,
        "0.000195",
    )


def test_the_sdks_metrics_are_taken(sidecar: Any) -> None:
    before = sidecar.metric("spanmeter_collector_ignored_metrics_total")
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=sidecar.grpc, insecure=True))
    provider = MeterProvider([reader], shutdown_on_exit=False)

    provider.get_meter("m").create_counter("http.requests").add(1)
    provider.get_meter("m").create_counter("spanmeter.client.calls").add(1)
    provider.shutdown()

    assert sidecar.metric("spanmeter_collector_ignored_metrics_total") == before + 1


def test_a_malformed_message_is_an_invalid_argument(channel: grpc.Channel) -> None:
    code, details = refusal(channel, b"garbage")

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert details.startswith("the body is not an OTLP traces request in application/x-protobuf: ")


def test_a_message_over_16_mb_is_refused(channel: grpc.Channel) -> None:
    assert refusal(channel, bytes(16 * 2**20 + 1))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_when_nothing_can_be_taken_the_sender_is_told_to_come_again(store: Store, tmp_path: Path) -> None:
    status = Status()
    with closing(Log.open(tmp_path / "log")) as log:
        pipeline = Pipeline(log=log, store=store, book=PriceBook.load(), status=status)
        pipeline.start()
        pipeline.close(within_s=10)
        server = GrpcDoor(pipeline, status).server()
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert refusal(channel, b"")[0] is grpc.StatusCode.UNAVAILABLE
        server.stop(0).wait()


def test_another_service_is_unimplemented(channel: grpc.Channel) -> None:
    logs = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

    assert refusal(channel, b"", logs)[0] is grpc.StatusCode.UNIMPLEMENTED


def test_a_span_without_an_id_is_a_partial_success(
    channel: grpc.Channel, span: MakeSpan, request_of: MakeRequest
) -> None:
    answer = channel.unary_unary(TRACES)(request_of(span(301), span(0)).SerializeToString(), timeout=30)

    assert ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans == 1


def test_with_an_ingest_token_only_its_bearer_may_send(start_sidecar: Callable[..., Any]) -> None:
    sidecar = start_sidecar(INGEST_TOKEN="s3cret")

    with grpc.insecure_channel(sidecar.grpc) as channel:
        assert refusal(channel, b"")[0] is grpc.StatusCode.UNAUTHENTICATED
        bearer = (("authorization", "Bearer s3cret"),)
        assert channel.unary_unary(TRACES)(b"", metadata=bearer, timeout=30) == b""
