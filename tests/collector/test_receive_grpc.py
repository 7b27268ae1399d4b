from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status as RpcStatus  # type: ignore[import-untyped]
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
from spanmeter_collector.backlog import Limits
from spanmeter_collector.log import Log
from spanmeter_collector.pipeline import Pipeline
from spanmeter_collector.receive_grpc import GrpcDoor
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
DETAILS = {kind.DESCRIPTOR.full_name: kind for kind in (BadRequest, RetryInfo)}


@pytest.fixture
def channel(sidecar: Any) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(sidecar.grpc, options=[("grpc.max_send_message_length", -1)]) as opened:
        yield opened


def refusal(
    channel: grpc.Channel, body: bytes, method: str = TRACES, **options: Any
) -> tuple[grpc.StatusCode, str, list[Any]]:
    """Code, sentence and details of a refused call."""
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(method)(body, timeout=30, **options)
    said = RpcStatus.FromString(dict(refused.value.trailing_metadata()).get("grpc-status-details-bin", b""))
    details = []
    for packed in said.details:
        details.append(DETAILS[packed.TypeName()]())
        packed.Unpack(details[-1])
    return refused.value.code(), refused.value.details(), details


@pytest.mark.parametrize("compression", grpc.Compression)
def test_the_sdks_exporter_brings_a_call_to_the_ledger(
    sidecar: Any, call_attributes: dict[str, Any], compression: grpc.Compression
) -> None:
    service = f"by-grpc-{compression.name}"
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    exporter = OTLPSpanExporter(endpoint=sidecar.grpc, insecure=True, compression=compression)
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    provider.get_tracer("spanmeter").start_span("chat gpt-4o-mini", attributes=call_attributes).end()
    provider.shutdown()

    sidecar.settle()
    total = sidecar.get(f"/api/v1/cost?service={service}")["total"]
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
    code, sentence, details = refusal(channel, b"garbage")

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert sentence.startswith("the body is not an OTLP traces request in application/x-protobuf: ")
    assert details == [BadRequest(field_violations=[{"description": sentence}])]


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_over_16_mb_is_refused_and_counted_and_not_to_be_sent_again(
    sidecar: Any, channel: grpc.Channel, compression: grpc.Compression
) -> None:
    unread = 'spanmeter_collector_refused_requests_total{reason="unread"}'
    before = sidecar.metric(unread)

    code, _, details = refusal(channel, bytes(16 * 2**20 + 1), compression=compression)

    assert (code, details) == (grpc.StatusCode.RESOURCE_EXHAUSTED, [])
    assert sidecar.counts(unread, before + 1)


def test_beside_a_bad_byte_the_other_spans_are_kept(
    channel: grpc.Channel, span: MakeSpan, request_of: MakeRequest
) -> None:
    body = request_of(span(311, attributes={"prompt": "n~~"}), span(312)).SerializeToString()

    answer = channel.unary_unary(TRACES)(body.replace(b"n~~", b"n\xc3("), timeout=30)

    partial = ExportTraceServiceResponse.FromString(answer).partial_success
    assert (partial.rejected_spans, partial.error_message) == (0, "1 texts were not UTF-8 and are mended")


@pytest.fixture
def pipeline(store: Store, tmp_path: Path) -> Iterator[Pipeline]:
    with closing(Log.open(tmp_path / "log")) as log:
        pipeline = Pipeline(
            log=log, store=store, book=PriceBook.load(), status=Status(), limits=Limits(pending_spans=0)
        )
        pipeline.start()
        yield pipeline
        pipeline.close(within_s=10)


@contextmanager
def channel_to(pipeline: Pipeline) -> Iterator[grpc.Channel]:
    server = GrpcDoor(pipeline, Status()).server()
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    server.stop(0).wait()


def test_when_too_much_is_pending_the_sender_is_told_when_to_come_again(pipeline: Pipeline) -> None:
    with channel_to(pipeline) as channel:
        code, sentence, details = refusal(channel, b"")

    assert (code, sentence) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "0 spans wait for the store; try again later")
    assert details == [RetryInfo(retry_delay={"seconds": 2})]


def test_when_nothing_can_be_taken_the_sender_is_told_when_to_come_again(pipeline: Pipeline) -> None:
    pipeline.close(within_s=10)
    with channel_to(pipeline) as channel:
        code, _, details = refusal(channel, b"")

    assert (code, details) == (grpc.StatusCode.UNAVAILABLE, [RetryInfo(retry_delay={"seconds": 2})])


def test_the_sdks_exporter_waits_as_long_as_it_is_told(pipeline: Pipeline) -> None:
    with channel_to(pipeline) as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(TRACES)(b"", timeout=30)

    wait = dict(refused.value.trailing_metadata())["google.rpc.retryinfo-bin"]
    assert RetryInfo.FromString(wait) == RetryInfo(retry_delay={"seconds": 2})


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
        sentence = "the metadata authorization: Bearer <SPANMETER_INGEST_TOKEN> is missing or wrong"
        assert refusal(channel, b"") == (grpc.StatusCode.UNAUTHENTICATED, sentence, [])
        bearer = (("authorization", "Bearer s3cret"),)
        assert channel.unary_unary(TRACES)(b"", metadata=bearer, timeout=30) == b""
