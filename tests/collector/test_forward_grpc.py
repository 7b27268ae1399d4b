"""The way to an OTLP/gRPC endpoint: a real server that answers as it is told, and the sidecar's own door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
import trustme
from grpc import StatusCode as Code
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client import CollectorRegistry

from spanmeter_collector.destination import refuse_itself
from spanmeter_collector.forward import Forwarder
from spanmeter_collector.forward_grpc import GrpcWay
from spanmeter_collector.otlp import Signal
from spanmeter_collector.otlp_answer import retry_info, status
from spanmeter_collector.reply import ALL, Reply
from spanmeter_collector.setting import Address, SettingError
from spanmeter_collector.settings import Forwarding

Told = tuple[Code, tuple[Any, ...]]
MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]


@dataclass
class Endpoint:
    """What an endpoint was sent, and how it is to answer."""

    port: int = 0
    answers: list[Told | bytes] = field(default_factory=list)
    asked: list[tuple[str, bytes, dict[str, Any]]] = field(default_factory=list)

    def handler(self, details: Any) -> Any:
        """How a call is answered, whatever its name."""

        def answer(body: bytes, context: grpc.ServicerContext) -> bytes:
            self.asked.append((details.method, body, dict(context.invocation_metadata())))
            told = self.answers.pop(0) if self.answers else b""
            if isinstance(told, bytes):
                return told
            code, parts = told
            said = status(code.value[0], "no", *parts).SerializeToString()
            context.set_trailing_metadata((("grpc-status-details-bin", said),))
            context.abort(code, "no")
            raise AssertionError("abort raises")

        return grpc.unary_unary_rpc_method_handler(answer)


class Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def service(self, handler_call_details: Any) -> Any:
        return self._endpoint.handler(handler_call_details)


def started(endpoint: Endpoint, credentials: Any = None) -> grpc.Server:
    server = grpc.server(ThreadPoolExecutor(2), handlers=[Handlers(endpoint)])
    place = "127.0.0.1:0"
    endpoint.port = server.add_secure_port(place, credentials) if credentials else server.add_insecure_port(place)
    server.start()
    return server


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    there = Endpoint()
    server = started(there)
    yield there
    server.stop(None).wait()


def test_bodies_go_on_as_one_request_with_the_headers_as_metadata(
    endpoint: Endpoint, span: MakeSpan, request_of: MakeRequest
) -> None:
    requests = [request_of(span(number)) for number in (1, 2)]
    with closing(GrpcWay(Forwarding(f"grpc://ada:p%20w@127.0.0.1:{endpoint.port}", {"x-api-key": "k"}))) as way:
        packed = way.packed([request.SerializeToString() for request in requests])
        replies = [way.send(Signal.TRACES, packed, most_s=20), way.send(Signal.METRICS, b"", most_s=20)]
        assert way.shown == f"grpc://127.0.0.1:{endpoint.port}"

    assert replies == [Reply(done=True), Reply(done=True)]
    (traces, body, metadata), (metrics, *_) = endpoint.asked
    assert traces == "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    assert metrics == "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
    assert (metadata["x-api-key"], metadata["authorization"]) == ("k", "Basic YWRhOnAgdw==")
    both = ExportTraceServiceRequest.FromString(body).resource_spans
    assert [one.scope_spans[0].spans[0].span_id[-1] for one in both] == [1, 2]


PARTIAL = ExportTraceServiceResponse()
PARTIAL.partial_success.rejected_spans = 3


@pytest.mark.parametrize(
    ("told", "reply"),
    [
        (PARTIAL.SerializeToString(), Reply(done=True, refused_spans=3)),
        (b"\xff", Reply(done=True)),
        ((Code.UNAVAILABLE, ()), Reply(done=False, reason="status UNAVAILABLE")),
        ((Code.UNAVAILABLE, (retry_info(7.5),)), Reply(done=False, wait_s=7.5, reason="status UNAVAILABLE")),
        ((Code.UNAVAILABLE, (retry_info(1e11),)), Reply(done=False, wait_s=300, reason="status UNAVAILABLE")),
        ((Code.DATA_LOSS, ()), Reply(done=False, reason="status DATA_LOSS")),
        (
            (Code.RESOURCE_EXHAUSTED, (retry_info(2),)),
            Reply(done=False, wait_s=2, reason="status RESOURCE_EXHAUSTED"),
        ),
        ((Code.RESOURCE_EXHAUSTED, ()), Reply(done=True, refused_spans=ALL, reason="status RESOURCE_EXHAUSTED")),
        ((Code.INVALID_ARGUMENT, ()), Reply(done=True, refused_spans=ALL, reason="status INVALID_ARGUMENT")),
        ((Code.UNAUTHENTICATED, ()), Reply(done=True, refused_spans=ALL, reason="status UNAUTHENTICATED")),
    ],
    ids=str,
)
def test_what_comes_of_an_answer(endpoint: Endpoint, told: Told | bytes, reply: Reply) -> None:
    endpoint.answers.append(told)
    with closing(GrpcWay(Forwarding(f"grpc://127.0.0.1:{endpoint.port}"))) as way:
        assert way.send(Signal.TRACES, b"", most_s=20) == reply


def test_where_nobody_answers_it_is_tried_again() -> None:
    with closing(GrpcWay(Forwarding("grpc://127.0.0.1:1"))) as way:
        assert not way.send(Signal.TRACES, b"", most_s=5).done


def test_a_forwarder_tries_again_what_the_endpoint_could_not_take(
    endpoint: Endpoint, span: MakeSpan, request_of: MakeRequest
) -> None:
    endpoint.answers = [(Code.UNAVAILABLE, ()), (Code.RESOURCE_EXHAUSTED, (retry_info(0.01),))]
    registry = CollectorRegistry()
    way = GrpcWay(Forwarding(f"grpc://127.0.0.1:{endpoint.port}"))
    forwarder = Forwarder(way, registry, queue_bytes=2**20, first_wait_s=0.01)
    body = request_of(span(1)).SerializeToString()
    forwarder.take(Signal.TRACES, body, 1)
    forwarder.close(within_s=20)

    assert [asked for _, asked, _ in endpoint.asked] == [body] * 3
    assert registry.get_sample_value("spanmeter_collector_forwarded_spans_total") == 1
    assert registry.get_sample_value("spanmeter_collector_forward_failed_attempts_total") == 2


def test_over_tls_by_the_authority_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    there = Endpoint()
    server = started(there, grpc.ssl_server_credentials([(issued.private_key_pem.bytes(), chain)]))

    stranger = GrpcWay(Forwarding(f"grpcs://localhost:{there.port}"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    trusting = GrpcWay(Forwarding(f"grpcs://localhost:{there.port}"))
    replies = [way.send(Signal.TRACES, b"", most_s=10).done for way in (stranger, trusting)]
    for way in (stranger, trusting):
        way.close()
    server.stop(None).wait()

    assert (replies, len(there.asked)) == ([False, True], 1)


def test_a_sidecar_takes_what_comes_this_way(
    sidecar: Any, span: MakeSpan, request_of: MakeRequest, call_attributes: dict[str, Any]
) -> None:
    request = request_of(span(930_001, attributes=call_attributes))
    request.resource_spans[0].resource.attributes[0].value.string_value = "forwarded-by-grpc"
    with closing(GrpcWay(Forwarding(f"grpc://{sidecar.grpc}"))) as way:
        assert way.send(Signal.TRACES, way.packed([request.SerializeToString()]), most_s=20) == Reply(done=True)

    sidecar.settle()
    assert sidecar.get("/api/v1/cost?since=2026-11-22T00:00:00Z&service=forwarded-by-grpc")["total"]["calls"] == 1


def test_its_own_door_is_refused() -> None:
    with pytest.raises(SettingError, match="this sidecar itself listens there"):
        refuse_itself(Forwarding("grpc://localhost"), Address("127.0.0.1", 4318), Address("127.0.0.1", 4317))
