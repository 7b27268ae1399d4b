from __future__ import annotations

import asyncio
import gzip
import json
import selectors
import socket
import urllib.request
import zlib
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.rpc.status_pb2 import Status as RpcStatus  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
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
from spanmeter_collector.receive import Door
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]
PROTOBUF = {"content_type": "application/x-protobuf"}
JSON = {"content_type": "application/json; charset=utf-8"}
MB = 2**20


def acknowledged(sidecar: Any) -> tuple[float, float]:
    return (
        sidecar.metric("spanmeter_collector_received_requests_total"),
        sidecar.metric("spanmeter_collector_received_spans_total"),
    )


@pytest.mark.parametrize("compression", Compression)
def test_the_sdks_exporter_brings_a_call_to_the_ledger(
    sidecar: Any, call_attributes: dict[str, Any], compression: Compression
) -> None:
    service = f"by-http-{compression.value}"
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    exporter = OTLPSpanExporter(endpoint=f"{sidecar.http}/v1/traces", compression=compression)
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    tracer = provider.get_tracer("spanmeter")
    with tracer.start_as_current_span("answer"):
        tracer.start_span("chat gpt-4o-mini", attributes=call_attributes).end()
    provider.shutdown()

    sidecar.settle()
    total = sidecar.get(f"/api/v1/cost?service={service}")["total"]
    assert total == {
        "calls": 1,
        "failed_calls": 0,
        "cache_hits": 0,
        "input_tokens": 1000,
        "cached_input_tokens": 200,
        "output_tokens": 100,
        "reasoning_tokens": 0,
        "cost_usd": "0.000195",
        "unpriced_calls": 0,
    }


@pytest.mark.parametrize("compression", Compression)
def test_the_sdks_metrics_are_taken(sidecar: Any, compression: Compression) -> None:
    before = sidecar.metric("spanmeter_collector_ignored_metrics_total")
    exporter = OTLPMetricExporter(endpoint=f"{sidecar.http}/v1/metrics", compression=compression)
    provider = MeterProvider([PeriodicExportingMetricReader(exporter)], shutdown_on_exit=False)

    provider.get_meter("m").create_counter("http.requests").add(1)
    provider.get_meter("m").create_counter("spanmeter.client.calls").add(1)
    provider.shutdown()

    assert sidecar.metric("spanmeter_collector_ignored_metrics_total") == before + 1


def test_json_and_protobuf_plain_and_gzip_are_one_request(
    sidecar: Any, span: MakeSpan, request_of: MakeRequest
) -> None:
    body = request_of(span(201)).SerializeToString()
    document = json.dumps(
        {
            "resourceSpans": [
                {
                    "scopeSpans": [
                        {
                            "spans": [
                                {
                                    "traceId": "0a" * 16,
                                    "spanId": "00000000000000c9",
                                    "name": "chat gpt-4o-mini",
                                    "startTimeUnixNano": "1795352400000000007",
                                }
                            ]
                        }
                    ]
                }
            ]
        }
    ).encode()
    members = gzip.compress(body[:9]) + gzip.compress(body[9:])
    received, spans = acknowledged(sidecar)

    answers = [
        sidecar.post("/v1/traces", body, **PROTOBUF),
        sidecar.post("/v1/traces", members, **PROTOBUF, content_encoding="GZIP"),
        sidecar.post("/v1/traces", document, **JSON),
        sidecar.post("/v1/traces", gzip.compress(document), **JSON, content_encoding="gzip"),
        sidecar.post("/v1/metrics", b"{}", **JSON),
    ]

    assert [(answer.status_code, answer.headers["content-type"], answer.content) for answer in answers] == [
        (200, "application/x-protobuf", b""),
        (200, "application/x-protobuf", b""),
        (200, "application/json", b"{}"),
        (200, "application/json", b"{}"),
        (200, "application/json", b"{}"),
    ]
    assert acknowledged(sidecar) == (received + 5, spans + 4)


def test_a_span_without_an_id_is_a_partial_success(sidecar: Any, span: MakeSpan, request_of: MakeRequest) -> None:
    answer = sidecar.post("/v1/traces", request_of(span(202), span(0)).SerializeToString(), **PROTOBUF)

    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 1)
    said = "span 'chat gpt-4o-mini' is not 8 bytes other than zero, in JSON 16 hex digits"
    assert partial.error_message == f"span id '{'00' * 8}' of {said}"


def corrupt_gzip() -> bytes:
    return gzip.compress(b"x" * 1000, mtime=0)[:-4]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "reason"),
    [
        ("/v1/traces", b"{", JSON, 400, "the body is not an OTLP traces request in application/json: "),
        ("/v1/traces", b"garbage", PROTOBUF, 400, "the body is not an OTLP traces request in application/x-protobuf: "),
        ("/v1/metrics", b"[1]", JSON, 400, "the body is not an OTLP metrics request in application/json: "),
        ("/v1/traces", b"x", JSON | {"content_encoding": "gzip"}, 400, "the body is not gzip: "),
        ("/v1/traces", b"x", JSON | {"content_encoding": "zstd"}, 400, "the body is not zstd: "),
        ("/v1/traces", corrupt_gzip(), JSON | {"content_encoding": "gzip"}, 400, "the body is not gzip: "),
        ("/v1/traces", b"{}", {"content_type": "text/plain"}, 415, "content type 'text/plain' is not "),
        ("/v1/traces", b"{}", {}, 415, "content type '' is not application/x-protobuf or application/json"),
        ("/v1/traces", b"{}", JSON | {"content_encoding": "br"}, 415, "content encoding 'br' is none of gzip, zstd, "),
        ("/v1/traces", bytes(16 * MB + 1), PROTOBUF, 413, "the body is larger than 16777216 bytes"),
        ("/v1/logs", b"{}", JSON, 404, "there is no /v1/logs; OTLP goes to /v1/traces and /v1/metrics"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_reason_and_changes_nothing(  # noqa: PLR0913, PLR0917
    sidecar: Any, path: str, body: bytes, headers: dict[str, str], status: int, reason: str
) -> None:
    before = acknowledged(sidecar)

    answer = sidecar.post(path, body, **headers)

    said = (
        RpcStatus.FromString(answer.content).message
        if answer.headers["content-type"] == "application/x-protobuf"
        else answer.json()["message"]
    )
    assert (answer.status_code, said[: len(reason)]) == (status, reason)
    assert acknowledged(sidecar) == before


def test_a_small_body_that_unpacks_to_a_large_one_is_refused(sidecar: Any) -> None:
    answer = sidecar.post("/v1/traces", gzip.compress(bytes(17 * MB)), **PROTOBUF, content_encoding="gzip")

    assert answer.status_code == 413


def test_a_body_without_a_length_is_measured_as_it_comes(sidecar: Any) -> None:
    chunks = (bytes(MB) for _ in range(17))

    answer = httpx.post(f"{sidecar.http}/v1/traces", content=chunks, headers={"content-type": "application/x-protobuf"})

    assert answer.status_code == 413


def test_a_body_of_16_mb_is_taken(sidecar: Any, span: MakeSpan, request_of: MakeRequest) -> None:
    request = request_of(span(203))
    room = 16 * MB - request.ByteSize() - 40
    request.resource_spans[0].resource.attributes.add(key="pad").value.string_value = "x" * room
    body = request.SerializeToString()
    assert 16 * MB - 64 < len(body) <= 16 * MB

    assert sidecar.post("/v1/traces", body, **PROTOBUF).status_code == 200


def test_bodies_that_never_end_take_128_mb_at_most(start_sidecar: Callable[..., Any]) -> None:
    sidecar = start_sidecar()
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 16000000"
    host, _, port = sidecar.http.removeprefix("http://").partition(":")

    with ExitStack() as open_senders:
        senders = [open_senders.enter_context(socket.create_connection((host, int(port)))) for _ in range(9)]
        for sender in senders:
            sender.sendall(head + b"\r\n\r\n" + bytes(15 * MB))
        assert [sender.recv(12) for sender in _readable(senders)] == [b"HTTP/1.1 503"]

    assert sidecar.post("/v1/traces", b"", **PROTOBUF).status_code == 200


async def test_a_sender_that_is_to_wait_waits_for_the_refusal_too(store: Store, tmp_path: Path) -> None:
    full, book, status = Limits(pending_spans=0), PriceBook.load(), Status()
    with closing(Log.open(tmp_path / "log")) as log:
        pipeline = Pipeline(log=log, store=store, book=book, status=status, limits=full)
        pipeline.start()
        headers = {"content-type": "application/x-protobuf"}
        transport = httpx.ASGITransport(app=Door(pipeline, status))
        async with httpx.AsyncClient(transport=transport, base_url="http://sidecar") as client:
            asked = asyncio.ensure_future(client.post("/v1/traces", headers=headers))
            assert (await asyncio.wait([asked], timeout=0.1))[0] == set()
            answer = await asked
        pipeline.close(within_s=10)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
def test_other_methods_are_told_to_post(sidecar: Any, method: str) -> None:
    answer = httpx.request(method, f"{sidecar.http}/v1/traces", headers={"origin": "http://a.page"})

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_who_sends_an_unknown_encoding_is_told_the_known_ones(sidecar: Any) -> None:
    answer = sidecar.post("/v1/traces", b"{}", **JSON, content_encoding="br")

    assert answer.headers["accept-encoding"] == "gzip, zstd, deflate, zlib, identity"


def test_beside_a_bad_byte_the_other_spans_are_kept(sidecar: Any, span: MakeSpan, request_of: MakeRequest) -> None:
    body = request_of(span(211, attributes={"prompt": "n~~"}), span(212)).SerializeToString()
    received = acknowledged(sidecar)[1]
    mended = sidecar.metric("spanmeter_collector_mended_total")

    answer = sidecar.post("/v1/traces", body.replace(b"n~~", b"n\xc3("), **PROTOBUF)

    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 0)
    assert partial.error_message == "1 texts were not UTF-8 and are mended"
    assert acknowledged(sidecar)[1] == received + 2
    assert sidecar.metric("spanmeter_collector_mended_total") == mended + 1


def test_a_deflate_bomb_of_members_is_bounded(sidecar: Any) -> None:
    members = gzip.compress(bytes(9 * MB)) * 2

    assert len(zlib.decompress(members[: len(members) // 2], wbits=31)) == 9 * MB
    assert sidecar.post("/v1/traces", members, **PROTOBUF, content_encoding="gzip").status_code == 413


def test_with_an_ingest_token_only_its_bearer_may_send(start_sidecar: Callable[..., Any]) -> None:
    sidecar = start_sidecar(INGEST_TOKEN="s3cret")

    statuses = [
        sidecar.post("/v1/traces", b"{}", **JSON, **headers).status_code
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Bearer s3cret"})
    ]

    assert statuses == [401, 401, 200]
    assert sidecar.get("/health")
    with urllib.request.urlopen(f"{sidecar.http}/api/v1/cost", timeout=10) as answer:
        assert answer.status == 200


def _readable(sockets: list[socket.socket]) -> list[socket.socket]:
    """Wait for the first that can be read; select.select knows no descriptor above 1023."""
    with selectors.DefaultSelector() as selector:
        for open_socket in sockets:
            selector.register(open_socket, selectors.EVENT_READ)
        return [sock for sock in sockets if sock in {key.fileobj for key, _ in selector.select(timeout=20)}]
