"""One attempt, and what came of it, over real connections."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
import requests
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry import context
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from spanmeter import wire as wire_module
from spanmeter.destination import Destination
from spanmeter.otlp import encode
from spanmeter.wire import Outcome, Reply, Wire, pack

FULL = Status(code=14, message="the disk is full")
FULL.details.add().Pack(RetryInfo())
SPAN = encode([ReadableSpan("a", resource=Resource({"service.name": "shop"}))])


@pytest.fixture(autouse=True)
def _told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENDPOINT", "HEADERS", "COMPRESSION", "TIMEOUT", "CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_TRACES_{name}", raising=False)


def wire(sink: Any) -> Wire:
    return Wire(Destination.of("traces", sink.url))


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.TAKEN),
        (302, Outcome.BARRED),
        (400, Outcome.REFUSED),
        (401, Outcome.BARRED),
        (403, Outcome.BARRED),
        (404, Outcome.BARRED),
        (407, Outcome.BARRED),
        (413, Outcome.REFUSED),
        (415, Outcome.REFUSED),
        (422, Outcome.REFUSED),
        (408, Outcome.AWAY),
        (429, Outcome.AWAY),
        (500, Outcome.FAILED),
        (502, Outcome.AWAY),
        (503, Outcome.AWAY),
        (504, Outcome.AWAY),
    ],
)
def test_a_status_tells_whether_to_try_again(sink: Any, status: int, outcome: Outcome) -> None:
    sink.fail_next = [status]
    sender = wire(sink)

    assert sender.post(SPAN).outcome is outcome
    assert sender.post(SPAN).outcome is Outcome.TAKEN
    sender.close()


def test_a_sidecar_that_is_not_there_is_absent(sink: Any) -> None:
    sender = wire(sink)
    sink.go_away()
    reply = sender.post(SPAN)
    sink.come_back()

    assert (reply.outcome, reply.absent) == (Outcome.AWAY, True)
    assert "refused" in reply.reason
    assert sender.post(SPAN) == Reply(Outcome.TAKEN)
    sender.close()


def test_a_door_for_grpc_is_told_in_words() -> None:
    server = grpc.server(ThreadPoolExecutor())
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    reply = Wire(Destination.of("traces", f"http://127.0.0.1:{port}")).post(SPAN)

    server.stop(None)
    assert reply.outcome is Outcome.AWAY
    assert "what answers is no HTTP; a port for gRPC, such as 4317, is not meant here" in reply.reason


def test_a_sidecar_that_does_not_answer_costs_the_timeout_only(sink: Any) -> None:
    sink.silent = True
    sender = wire(sink)
    sender.timeout_s = 0.05
    reply = sender.post(SPAN)
    sender.close()

    assert (reply.outcome, reply.absent) == (Outcome.AWAY, False)


@pytest.mark.parametrize(
    ("status", "headers", "advice"),
    [
        (401, "", "set OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20<the sidecar's SPANMETER_INGEST_TOKEN>"),
        (
            403,
            "Authorization=Bearer%20old",
            "the token in OTEL_EXPORTER_OTLP_HEADERS is not the sidecar's SPANMETER_INGEST_TOKEN",
        ),
        (404, "", "set OTEL_EXPORTER_OTLP_ENDPOINT to the address of a sidecar"),
    ],
)
def test_who_is_barred_is_told_what_to_mend(
    sink: Any, monkeypatch: pytest.MonkeyPatch, status: int, headers: str, advice: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", headers)
    sink.fail_next = [status]
    sender = wire(sink)
    reply = sender.post(SPAN)
    sender.close()

    assert (reply.outcome, reply.advice) == (Outcome.BARRED, advice)
    assert "old" not in reply.reason


def test_no_proxy_sees_what_stays_on_this_machine(sink: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    near, far = wire(sink), Wire(Destination.of("traces", "http://sidecar.example:4318"))
    near.post(SPAN)
    reply = far.post(SPAN)
    near.close()
    far.close()

    assert len(sink.spans) == 1
    assert reply.reason.startswith("ProxyError: ")


def test_an_answer_without_end_is_not_read_to_its_end(sink: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "MAX_ANSWER_BYTES", 1_000)
    sink.answer = b"<html>" + bytes(10_000_000)
    sender = wire(sink)
    assert sender.post(SPAN) == Reply(Outcome.TAKEN)
    sink.answer = b""

    assert sender.post(SPAN) == Reply(Outcome.TAKEN)
    sender.close()


def test_connections_are_kept_open(sink: Any) -> None:
    sender = wire(sink)
    sink.fail_next = [500, 401]
    sink.answer = b"no"
    for _ in range(5):
        sender.post(SPAN)
    addresses = {connection.getpeername() for connection in sink.connections}
    sender.close()

    assert len(addresses) == 1


def test_rejected_spans_are_told(sink: Any) -> None:
    rejected = ExportTracePartialSuccess(rejected_spans=2, error_message="no id")
    sink.answer = ExportTraceServiceResponse(partial_success=rejected).SerializeToString()
    sender = wire(sink)

    assert sender.post(SPAN) == Reply(Outcome.TAKEN, reason="no id", rejected=2)
    sink.answer = b"<html>"
    assert sender.post(SPAN) == Reply(Outcome.TAKEN)
    sender.close()


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_the_standard_variables_are_obeyed(sink: Any, monkeypatch: pytest.MonkeyPatch, compression: str) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url + "/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20in,x-team=core")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", compression)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")
    sender = Wire(Destination.of("traces", None))
    sender.post(SPAN)
    sender.post_packed(pack(SPAN))
    sender.close()

    assert sender.timeout_s == 0.5
    assert len(sink.spans) == 2
    for headers, encoding in zip(sink.headers, (None if compression == "none" else "gzip", "gzip"), strict=True):
        named = {name.lower(): value for name, value in headers.items()}
        assert (named["authorization"], named["x-team"]) == ("Bearer in", "core")
        assert named["content-type"] == "application/x-protobuf"
        assert named.get("content-encoding") == encoding


def test_no_instrumentation_of_http_clients_sees_the_requests(sink: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = requests.Session.send

    def send(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        seen.append(context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY))
        return real(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", send)  # as OpenTelemetry's own instrumentation does
    sender = wire(sink)
    sender.post(SPAN)
    sender.close()

    assert seen == [True]
    assert context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY) is None


def test_a_connection_the_sidecar_closed_meanwhile_costs_nothing(sink: Any) -> None:
    sender = wire(sink)
    sender.post(SPAN)
    sink.go_away()
    sink.come_back()

    assert sender.post(SPAN).outcome is Outcome.TAKEN
    sender.close()


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        ("application/x-protobuf", FULL.SerializeToString(), "the disk is full"),
        ("application/x-protobuf; charset=x", Status(code=14).SerializeToString(), ""),
        ("application/x-protobuf", b"\xff", ""),
        ("text/html", b"<h1>Bad\n\tGateway</h1>\n", "<h1>Bad Gateway</h1>"),
        ("", b"x" * 300, "x" * 200),
    ],
    ids=["a reason", "no reason", "no protobuf", "a page", "a long text"],
)
def test_a_refusal_is_told_in_words_on_one_line(kind: str, content: bytes, said: str) -> None:
    answer = requests.Response()
    answer.headers["content-type"] = kind
    assert wire_module._said(answer, content) == said
