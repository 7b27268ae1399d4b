from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client import CollectorRegistry

from spanmeter_collector.destination import Destination
from spanmeter_collector.forward import Forwarder
from spanmeter_collector.forward_http import HttpWay
from spanmeter_collector.otlp import Signal
from spanmeter_collector.settings import Forwarding

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]
DAY = "since=2026-11-22T00:00:00Z&until=2026-11-23T00:00:00Z"
Answer = tuple[int, dict[str, str], bytes]
TAKEN: Answer = (200, {}, b"")


@dataclass
class Endpoint:
    """A real endpoint that answers as it is told, and keeps what it was sent."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.times.append(time.monotonic())
        self.paths.append(path)
        self.headers.append(headers)
        self.bodies.append(gzip.decompress(body))
        self.may_answer.wait(30)
        return self.answers.pop(0) if self.answers else TAKEN


@contextmanager
def serving(port: int = 0) -> Iterator[Endpoint]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told = {name.lower(): said for name, said in self.headers.items()}
            status, headers, answer = there.take(self.path, told, body)
            self.send_response(status)
            for name, said in headers.items():
                self.send_header(name, said)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    there = Endpoint(f"http://127.0.0.1:{server.server_port}")
    there.may_answer.set()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield there
    finally:
        there.may_answer.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as there:
        yield there


@dataclass
class Sender:
    forwarder: Forwarder
    registry: CollectorRegistry

    def figure(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"spanmeter_collector_forward{name}", labels) or 0.0

    def await_figure(self, expected: float, name: str, **labels: str) -> None:
        await_that(lambda: self.figure(name, **labels) == expected)


def await_that(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def forwarding(url: str, *, queue_bytes: int = 2**20, headers: dict[str, str] | None = None) -> Iterator[Sender]:
    registry = CollectorRegistry()
    way = HttpWay(Destination(Forwarding(url, headers or {})))
    forwarder = Forwarder(way, registry, queue_bytes=queue_bytes, first_wait_s=0.02)
    yield Sender(forwarder, registry)
    forwarder.close(within_s=5)


def test_bodies_go_on_as_one_request_with_the_headers_they_need(
    endpoint: Endpoint, span: MakeSpan, request_of: MakeRequest
) -> None:
    requests = [request_of(span(number)) for number in range(1, 5)]
    endpoint.may_answer.clear()
    with forwarding(endpoint.url.replace("//", "//ada:p%20w@") + "/otel", headers={"x-api-key": "k"}) as sender:
        for request in requests:
            sender.forwarder.take(Signal.TRACES, request.SerializeToString(), 1)
        sender.forwarder.take(Signal.METRICS, b"", 0)
        endpoint.may_answer.set()
        sender.await_figure(4, "ed_spans_total")

    sent = [ExportTraceServiceRequest.FromString(body).resource_spans for body in endpoint.bodies[:-1]]
    assert [one for resource_spans in sent for one in resource_spans] == [one.resource_spans[0] for one in requests]
    assert len(sent) <= 2
    assert endpoint.paths[-1] == "/otel/v1/metrics"
    assert set(endpoint.paths[:-1]) == {"/otel/v1/traces"}
    expected = {"x-api-key": "k", "authorization": "Basic YWRhOnAgdw==", "content-type": "application/x-protobuf"}
    assert endpoint.headers[0] | expected == endpoint.headers[0]


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_what_the_endpoint_cannot_take_now_is_sent_again(endpoint: Endpoint, status: int) -> None:
    endpoint.answers = [(status, {}, b""), (status, {}, b"")]
    with forwarding(endpoint.url) as sender:
        sender.forwarder.take(Signal.TRACES, b"", 7)
        sender.await_figure(7, "ed_spans_total")

    assert (len(endpoint.bodies), sender.figure("_failed_attempts_total")) == (3, 2)


def test_the_endpoint_says_when_to_come_again(endpoint: Endpoint) -> None:
    endpoint.answers = [(503, {"retry-after": "1"}, b"")]
    with forwarding(endpoint.url) as sender:
        sender.forwarder.take(Signal.TRACES, b"", 1)
        sender.await_figure(1, "ed_spans_total")

    first, second = endpoint.times
    assert second - first >= 1


def test_a_time_to_come_again_that_is_none_is_passed_over(endpoint: Endpoint) -> None:
    endpoint.answers = [(503, {"retry-after": "Mon, 01 Jan 99999 00:00:00 GMT"}, b"")]
    with forwarding(endpoint.url) as sender:
        sender.forwarder.take(Signal.TRACES, b"", 1)
        sender.await_figure(1, "ed_spans_total")


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500, 302])
def test_what_the_endpoint_refuses_is_counted_and_not_sent_again(endpoint: Endpoint, status: int) -> None:
    endpoint.answers = [(status, {"location": "/elsewhere"}, b"")]
    with forwarding(endpoint.url) as sender:
        sender.forwarder.take(Signal.TRACES, b"", 3)
        sender.await_figure(3, "_lost_spans_total", reason="refused")
        sender.forwarder.take(Signal.TRACES, b"", 4)
        sender.await_figure(4, "ed_spans_total")

    assert endpoint.paths == ["/v1/traces"] * 2


def test_spans_that_a_partial_success_leaves_out_are_counted(endpoint: Endpoint) -> None:
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 2
    endpoint.answers = [(200, {}, answer.SerializeToString())]
    with forwarding(endpoint.url) as sender:
        sender.forwarder.take(Signal.TRACES, b"", 5)
        sender.await_figure(3, "ed_spans_total")

    assert sender.figure("_lost_spans_total", reason="refused") == 2


def test_a_full_queue_leaves_out_the_oldest_and_never_waits(endpoint: Endpoint) -> None:
    endpoint.may_answer.clear()
    with forwarding(endpoint.url, queue_bytes=2500) as sender:
        sender.forwarder.take(Signal.TRACES, bytes([0xFA, 0x01]) * 500, 1)
        await_that(lambda: endpoint.bodies)
        for number in (10, 100, 1000):
            sender.forwarder.take(Signal.METRICS, bytes(1000), number)
        sender.forwarder.take(Signal.METRICS, bytes(3000), 10_000)

        assert sender.figure("_lost_spans_total", reason="queue_full") == 11_110
        assert sender.figure("_queue_bytes") <= 2500
        endpoint.may_answer.set()
        sender.await_figure(1, "ed_spans_total")
        sender.await_figure(0, "_queue_bytes")


def test_what_is_not_delivered_in_time_is_counted_at_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        registry = CollectorRegistry()
        way = HttpWay(Destination(Forwarding(f"http://127.0.0.1:{silent.getsockname()[1]}")))
        sender = Sender(Forwarder(way, registry, queue_bytes=100, first_wait_s=0.02), registry)
        sender.forwarder.take(Signal.METRICS, b"", 2)
        sender.forwarder.take(Signal.TRACES, b"", 40)
        begun = time.monotonic()

        sender.forwarder.close(within_s=0.3)

    assert time.monotonic() - begun < 10
    assert sender.figure("_lost_spans_total", reason="stopped") == 42


def _forwarding_of(sidecar: Any) -> str:
    reason: str = sidecar.get("/health")["components"]["forward"]["reason"]
    return reason


def test_a_second_sidecar_gets_everything_and_the_first_minds_no_failure(
    start_sidecar: Callable[..., Any],
    span: MakeSpan,
    request_of: MakeRequest,
    call_attributes: dict[str, Any],
    tmp_path: Any,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    first = start_sidecar(FORWARD=f"http://127.0.0.1:{port}", FORWARD_HEADERS="authorization=Bearer%20s3cret-token")
    protobuf = {"content_type": "application/x-protobuf"}
    away = request_of(span(1, attributes=call_attributes)).SerializeToString()
    assert first.post("/v1/traces", away, **protobuf).status_code == 200
    first.settle()
    assert first.get("/ready")["ready"] is True
    await_that(lambda: _forwarding_of(first).startswith("what comes is not taken: "))

    tokens = {"INGEST_TOKEN": "s3cret-token", "DATA_DIR": str(tmp_path / "second")}
    second = start_sidecar(LISTEN=f"127.0.0.1:{port}", **tokens)
    there = request_of(span(2, attributes=call_attributes)).SerializeToString()
    assert first.post("/v1/traces", there, **protobuf).status_code == 200
    await_that(lambda: first.metric("spanmeter_collector_forwarded_spans_total") == 2)
    assert _forwarding_of(first) == ""
    second.settle()
    last = request_of(span(3, attributes=call_attributes)).SerializeToString()
    assert first.post("/v1/traces", last, **protobuf).status_code == 200
    assert first.stop() == 0
    second.settle()

    assert second.get(f"/api/v1/cost?{DAY}")["total"]["calls"] == 3


def test_forwarding_to_itself_is_refused(start_sidecar: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(Exception, match="this sidecar itself listens there"):
        start_sidecar(LISTEN=f"127.0.0.1:{port}", FORWARD=f"http://localhost:{port}")
