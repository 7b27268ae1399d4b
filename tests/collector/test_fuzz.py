"""The doors against bodies damaged in every way: none ends in an error of the sidecar's, none harms what else comes."""

from __future__ import annotations

import gzip
import json
import os
import socket
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE
from opentelemetry.proto.trace.v1.trace_pb2 import Span

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]

EXAMPLES: Final = int(os.environ.get("SPANMETER_FUZZ", "250"))
BODIES: Final = 10_000
DRAWN: Final = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
TRACES: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
FAIR: Final = {200, 400, 413, 415}
ODD: Final[tuple[Any, ...]] = (
    None,
    7,
    -1,
    2**70,
    1e300,
    "",
    "x",
    "\ud83d",
    [],
    {},
    [None],
    {"values": [7]},
    [[[[]]]],
    True,
)


@dataclass(frozen=True, slots=True)
class Message:
    """One request to the HTTP door."""

    path: str
    content_type: str
    encoding: str
    body: bytes

    def wire(self) -> bytes:
        head = f"POST {self.path} HTTP/1.1\r\nhost: x\r\ncontent-type: {self.content_type}\r\n"
        head += f"content-encoding: {self.encoding}\r\ncontent-length: {len(self.body)}\r\n\r\n"
        return head.encode("latin-1") + self.body


def flip(random: Random, body: bytes, _: bytes) -> bytes:
    at = random.randrange(len(body))
    return body[:at] + bytes([body[at] ^ 1 << random.randrange(8)]) + body[at + 1 :]


def cut(random: Random, body: bytes, _: bytes) -> bytes:
    return body[: random.randrange(len(body))]


def drop(random: Random, body: bytes, _: bytes) -> bytes:
    at = random.randrange(len(body))
    return body[:at] + body[at + random.randint(1, 9) :]


def repeat(random: Random, body: bytes, _: bytes) -> bytes:
    at = random.randrange(len(body))
    return body[:at] + body[at : at + random.randint(1, 99)] * random.randint(2, 9) + body[at:]


def insert(random: Random, body: bytes, _: bytes) -> bytes:
    at = random.randrange(len(body))
    return body[:at] + random.randbytes(random.randint(1, 9)) + body[at:]


def lengthen(random: Random, body: bytes, _: bytes) -> bytes:
    at = random.randrange(len(body))
    return body[:at] + b"\xff\xff\xff\x7f" + body[at + 1 :]


def splice(random: Random, body: bytes, other: bytes) -> bytes:
    return body[: random.randrange(len(body))] + other[random.randrange(len(other)) :]


DAMAGES: Final = (flip, flip, cut, drop, repeat, insert, lengthen, splice)


def misplace(random: Random, body: bytes) -> bytes:
    """A document with odd values in place of some of its nodes."""
    document = json.loads(body)
    for _ in range(random.randint(1, 3)):
        node: Any = document
        while isinstance(node, dict | list) and node:
            key: Any = random.choice(list(node) if isinstance(node, dict) else range(len(node)))
            if random.random() < 0.2 or not isinstance(node[key], dict | list):
                node[key] = deepcopy(random.choice(ODD))
                break
            node = node[key]
    return json.dumps(document).encode()


COMPRESSIONS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}


def damaged(random: Random, good: Sequence[Message]) -> Message:
    """One of the good messages, damaged before or after compression, or sent as what it is not."""
    one, other = random.choice(good), random.choice(good)
    body, encoding = one.body, random.choice(list(COMPRESSIONS))
    if one.content_type == JSON and random.random() < 0.5:
        body = misplace(random, body)
    else:
        for _ in range(random.randint(1, 4)):
            body = random.choice(DAMAGES)(random, body or b"\0", other.body)
    body = COMPRESSIONS[encoding](body)
    if encoding and random.random() < 0.3:
        body = random.choice(DAMAGES)(random, body or b"\0", other.body)
    if random.random() < 0.1:
        encoding = random.choice(["gzip", "zstd", "deflate", "br", "gzip, gzip"])
    content_type = random.choice([PROTOBUF, JSON]) if random.random() < 0.1 else one.content_type
    return Message(one.path, content_type, encoding, body)


@pytest.fixture
def good(span: MakeSpan, request_of: MakeRequest, call_attributes: dict[str, Any]) -> list[Message]:
    """Traces and metrics with every kind of field, in both encodings; their service is none of the other tests'."""
    links, events = [Span.Link(trace_id=b"\1" * 16, span_id=b"\2" * 8)], [Span.Event(name="e", time_unix_nano=7)]
    said = call_attributes | {"list": ["a", 1, 0.5, True], "prompt": "é" * 50, "raw": b"\0\xff"}
    traces = request_of(*(span(900_000 + number, attributes=said, links=links, events=events) for number in range(3)))
    traces.resource_spans[0].resource.attributes[0].value.string_value = "fuzzed"
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="spanmeter.client.calls")
    metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    metric.sum.data_points.add(as_int=3, time_unix_nano=1_795_352_400_000_000_007)
    requests: tuple[tuple[str, Any], ...] = (("/v1/traces", traces), ("/v1/metrics", metrics))
    return [
        *(Message(path, PROTOBUF, "", request.SerializeToString()) for path, request in requests),
        *(Message(path, JSON, "", json.dumps(hex_ids(MessageToDict(request))).encode()) for path, request in requests),
    ]


def hex_ids(document: Any) -> Any:
    for resource in document.get("resourceSpans", ()):
        for span in resource["scopeSpans"][0]["spans"]:
            span |= {"traceId": "0a" * 16, "spanId": "0b" * 8, "parentSpanId": ""}
    return document


class Wire:
    """A connection to the HTTP door that is kept, and opened again when the door has closed it."""

    def __init__(self, url: str) -> None:
        self._at = urlsplit(url).hostname, urlsplit(url).port
        self._open()

    def _open(self) -> None:
        self._socket = socket.create_connection(self._at, timeout=60)
        self._answers: BinaryIO = self._socket.makefile("rb")

    def ask(self, messages: Sequence[Message]) -> list[int]:
        """Send messages at once and read the status of each answer."""
        self._socket.sendall(b"".join(message.wire() for message in messages))
        return [self._status() for _ in messages]

    def _status(self) -> int:
        status = int(self._answers.readline().split()[1])
        length = 0
        while (line := self._answers.readline().lower()) != b"\r\n":
            length = int(line.removeprefix(b"content-length:")) if line.startswith(b"content-length:") else length
        self._answers.read(length)
        return status

    def close(self) -> None:
        self._answers.close()
        self._socket.close()


@pytest.fixture
def wire(sidecar: Any) -> Iterator[Wire]:
    opened = Wire(sidecar.http)
    yield opened
    opened.close()


@contextmanager
def unharmed(sidecar: Any, request: ExportTraceServiceRequest, service: str) -> Iterator[None]:
    """What comes while and after the doors are asked odd things is in the ledger, once."""
    yield
    request.resource_spans[0].resource.attributes[0].value.string_value = service
    body = request.SerializeToString()
    assert sidecar.post("/v1/traces", body, content_type=PROTOBUF).status_code == 200
    sidecar.settle()
    assert sidecar.get("/ready")["ready"]
    assert sidecar.process.poll() is None
    total = sidecar.get(f"/api/v1/cost?since=2026-11-22T00:00:00Z&service={service}")["total"]
    assert (total["calls"], total["cost_usd"]) == (1, "0.000195")


def test_no_damaged_body_ends_in_an_error_of_the_sidecars(  # noqa: PLR0913, PLR0917
    sidecar: Any,
    wire: Wire,
    good: list[Message],
    span: MakeSpan,
    request_of: MakeRequest,
    call_attributes: dict[str, Any],
) -> None:
    @DRAWN
    @given(random=st.randoms(use_true_random=False))
    def ask(random: Random) -> None:
        message = damaged(random, good)
        assert wire.ask([message])[0] in FAIR, message

    with unharmed(sidecar, request_of(span(910_001, attributes=call_attributes)), "beside-http"):
        ask()


def test_no_damaged_message_ends_in_an_error_over_grpc(
    sidecar: Any, good: list[Message], span: MakeSpan, request_of: MakeRequest, call_attributes: dict[str, Any]
) -> None:
    fair = {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}

    with grpc.insecure_channel(sidecar.grpc) as channel:

        @DRAWN
        @given(random=st.randoms(use_true_random=False))
        def ask(random: Random) -> None:
            message = damaged(random, [good[0]])
            answer = channel.unary_unary(TRACES).future(message.body, timeout=30)
            assert answer.code() in fair, (message, answer.details())

        with unharmed(sidecar, request_of(span(910_002, attributes=call_attributes)), "beside-grpc"):
            ask()


def test_ten_thousand_damaged_bodies_do_no_harm(  # noqa: PLR0913, PLR0917
    sidecar: Any,
    wire: Wire,
    good: list[Message],
    span: MakeSpan,
    request_of: MakeRequest,
    call_attributes: dict[str, Any],
) -> None:
    random = Random(10_000)
    refused = sidecar.metric("spanmeter_collector_refused_requests_total")

    with unharmed(sidecar, request_of(span(910_003, attributes=call_attributes)), "beside-many"):
        statuses = Counter[int]()
        for _ in range(BODIES // 100):
            statuses.update(wire.ask([damaged(random, good) for _ in range(100)]))

    assert set(statuses) <= FAIR
    assert statuses.total() == BODIES
    assert statuses[400] > BODIES // 4
    answered = sidecar.metric("spanmeter_collector_refused_requests_total") - refused
    assert answered == BODIES - statuses[200]


GARBAGE: Final = (
    b"\0" * 99,
    b"GET\r\n\r\n",
    b"POST /v1/traces HTTP/9.9\r\n\r\n",
    b"POST /v1/traces HTTP/1.1\r\ncontent-length: -1\r\n\r\nx",
    b"POST /v1/traces HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
    b"POST /v1/traces HTTP/1.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/traces HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 99,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0" + b"\0\0\4\0\1\0\0\0\1abcd",
)


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("door", ["http", "grpc"])
def test_what_is_no_request_at_all_does_no_harm(sidecar: Any, door: str, garbage: bytes) -> None:
    host, _, port = getattr(sidecar, door).removeprefix("http://").partition(":")

    with socket.create_connection((host, int(port)), timeout=30) as sender:
        sender.sendall(garbage)
        sender.shutdown(socket.SHUT_WR)

    assert sidecar.get("/ready")["ready"]
    with grpc.insecure_channel(sidecar.grpc) as channel:
        assert channel.unary_unary(TRACES)(b"", timeout=30) == b""
