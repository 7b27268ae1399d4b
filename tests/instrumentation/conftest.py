"""A provider on loopback that counts for itself, and the spans an instrumented application finished."""

from __future__ import annotations

import contextlib
import gzip
import json
import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToDict, MessageToJson
from opentelemetry import trace
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import spanmeter
from spanmeter import barrier, capture, semconv
from spanmeter.scope import current_scope
from spanmeter.settling import settling

MODEL_SUFFIX = "-2025-08-07"
CHAT_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0, "cache_write_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 8,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
TOKENS_PER_TEXT = 7


HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run asynchronous tests in one loop: langchain-openai keeps its connections for the life of the process."""
    for item in items:
        if pytest_asyncio.is_async_test(item) and item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(autouse=True)
def _nothing_of_ours_stays_current() -> Iterator[None]:
    """Fail the test that leaves a bill, dimensions or a span of its own current, not the one that runs after it."""
    yield
    scope = current_scope()
    assert (scope.bills, dict(scope.attributes), trace.get_current_span().get_span_context().is_valid) == (
        (),
        {},
        False,
    )


@dataclass
class Provider:
    """Speaks the OpenAI API at `url` and keeps its own record; `fail_next` holds statuses of the next answers.

    A `silent` one counts and tells no usage.
    """

    url: str = ""
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    fail_next: list[int] = field(default_factory=list)
    tool: dict[str, Any] | None = None
    silent: bool = False
    wait: threading.Event | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, usage: dict[str, Any]) -> None:
        with self.lock:
            self.calls += 1
            self.input_tokens += usage["prompt_tokens"]
            self.output_tokens += usage.get("completion_tokens", 0)

    def embeddings(self, asked: dict[str, Any]) -> dict[str, Any]:
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        usage = {"prompt_tokens": TOKENS_PER_TEXT * len(texts), "total_tokens": TOKENS_PER_TEXT * len(texts)}
        self.count(usage)
        data = [{"object": "embedding", "index": index, "embedding": [0.1, 0.2]} for index in range(len(texts))]
        told = {} if self.silent else {"usage": usage}
        return {"object": "list", "model": asked["model"], "data": data} | told

    def message(self, asked: dict[str, Any]) -> tuple[dict[str, Any], str]:
        if self.tool is not None and asked["messages"][-1]["role"] == "user":
            call = {"id": "call_1", "type": "function", "index": 0, "function": self.tool}
            return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
        return {"role": "assistant", "content": "Hello world"}, "stop"

    def chat(self, asked: dict[str, Any]) -> dict[str, Any]:
        message, reason = self.message(asked)
        self.count(CHAT_USAGE)
        choices = [
            {"index": index, "message": message, "finish_reason": reason} for index in range(asked.get("n") or 1)
        ]
        told = {} if self.silent else {"usage": CHAT_USAGE}
        return self._body(asked, "chat.completion", choices) | {"service_tier": "default"} | told

    def chunks(self, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        message, reason = self.message(asked)
        words = [message] if message["content"] is None else [{"content": word + " "} for word in ("Hello", "world")]
        self.count(CHAT_USAGE)
        for delta in words:
            yield self._body(asked, "chat.completion.chunk", [{"index": 0, "delta": delta, "finish_reason": None}])
        yield self._body(asked, "chat.completion.chunk", [{"index": 0, "delta": {}, "finish_reason": reason}])
        if (asked.get("stream_options") or {}).get("include_usage") and not self.silent:
            yield self._body(asked, "chat.completion.chunk", []) | {"usage": CHAT_USAGE}

    def _body(self, asked: dict[str, Any], kind: str, choices: list[Any]) -> dict[str, Any]:
        model = asked["model"] + MODEL_SUFFIX
        return {"id": f"chatcmpl-{self.calls}", "object": kind, "created": 1, "model": model, "choices": choices}


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path.startswith("/v1/traces") or self.path.startswith("/v1/metrics"):
                return self.answer(200, b"", "application/x-protobuf")
            if provider.wait is not None:
                provider.wait.wait(30)  # longer than a busy machine takes until all the others wait
            asked = json.loads(body)
            if provider.fail_next:
                error = {"error": {"message": "no", "type": "rate_limit", "code": "x"}}
                return self.answer(provider.fail_next.pop(0), json.dumps(error).encode())
            if self.path.partition("?")[0].endswith("/embeddings"):
                return self.answer(200, json.dumps(provider.embeddings(asked)).encode())
            if asked.get("stream"):
                events = [f"data: {json.dumps(chunk)}\n\n" for chunk in provider.chunks(asked)]
                return self.answer(200, "".join([*events, "data: [DONE]\n\n"]).encode(), "text/event-stream")
            return self.answer(200, json.dumps(provider.chat(asked)).encode())

        def answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.send_header("connection", "close")  # or clients would keep sockets beyond the test
            with contextlib.suppress(ConnectionError):  # a cancelled caller is gone
                self.end_headers()
                self.wfile.write(body)

    return Handler


@pytest.fixture
def provider() -> Iterator[Provider]:
    served = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


class Spans:
    """The finished spans of one test."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def finished(self) -> tuple[ReadableSpan, ...]:
        settling.now()
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.finished if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span

    def calls(self) -> list[ReadableSpan]:
        """Those that count as an answered call by the rules a receiver applies."""
        return [
            span
            for span in self.finished
            if (attribute(span, semconv.OPERATION_NAME) or attribute(span, semconv.OPERATION))
            in semconv.CALL_OPERATIONS
            and not any(attribute(span, key) for key in (semconv.WRAPPER, semconv.CACHE_HIT, semconv.OUTCOME))
            and span.status.is_unset
        ]

    def total(self, key: str) -> int:
        return sum(attribute(span, key) or 0 for span in self.calls())

    def path_of(self, name: str) -> list[str]:
        """Names from the only span of that name up to its root."""
        return self.path(self.one(name))

    def path(self, start: ReadableSpan) -> list[str]:
        known = {span.context.span_id: span for span in self.finished if span.context}
        span: ReadableSpan | None = start
        names = []
        while span is not None:
            names.append(span.name)
            span = known.get(span.parent.span_id) if span.parent else None
        return names

    def traces(self) -> int:
        return len({span.context.trace_id for span in self.finished if span.context})


def attribute(span: ReadableSpan, key: str) -> Any:
    return (span.attributes or {}).get(key)


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture(autouse=True)
def _faults_surface(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    barrier.raise_faults(on=True)
    barrier.faults.clear()
    yield
    barrier.raise_faults(on=False)
    said = [record.getMessage() for record in caplog.get_records("call") if record.name.startswith("opentelemetry")]
    assert said == []


@pytest.fixture
def quiet_sdk(caplog: pytest.LogCaptureFixture) -> None:
    """What the SDK says of odd values is not at issue."""
    for name in ("opentelemetry.attributes", "opentelemetry.sdk.trace", "opentelemetry.trace.status"):
        caplog.set_level(logging.CRITICAL, logger=name)


@pytest.fixture
def instrumented(spans: Spans, provider: Provider) -> Iterator[Spans]:
    """An application that is instrumented for the test; afterwards no span of ours may be left current."""
    spanmeter.instrument(service_name="test", endpoint=provider.url, tracer_provider=spans.tracer_provider)
    yield spans
    assert not trace.get_current_span().get_span_context().is_valid
    spanmeter.uninstrument()


class Sink:
    """A receiver of OTLP/HTTP that keeps what it was sent, and can go away and come back at the same address.

    `fail_next` holds statuses of its next answers to spans, the last one first; `answer` is the body of the others.
    It always fails over a `poison`, the name of a span.
    A silent one takes bodies and says nothing until it is to `speak`, and then hangs up.
    """

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.resources: list[dict[str, Any]] = []
        self.metrics: dict[str, Any] = {}
        self.readings: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.fail_next: list[int] = []
        self.poison = ""
        self.answer = b""
        self.silent = False
        self.speak = threading.Event()
        self.connections: set[socket.socket] = set()
        self._server = self._start(0)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def go_away(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        while self.connections:
            with contextlib.suppress(OSError):  # its thread may be faster
                self.connections.pop().shutdown(socket.SHUT_RDWR)

    def come_back(self) -> None:
        self._server = self._start(int(self.url.rpartition(":")[2]))

    def _start(self, port: int) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", port), _sink_handler(self))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server

    def status(self, path: str, body: bytes) -> int:
        if self.poison and f'"name": "{self.poison}"' in MessageToJson(ExportTraceServiceRequest.FromString(body)):
            return 500
        return self.fail_next.pop() if self.fail_next and path == "/v1/traces" else 200

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for part in MessageToDict(ExportTraceServiceRequest.FromString(body))["resourceSpans"]:
                self.resources.append(plain(part["resource"]["attributes"]))
                self.spans += [span for scope in part["scopeSpans"] for span in scope["spans"]]
        else:
            for part in MessageToDict(ExportMetricsServiceRequest.FromString(body))["resourceMetrics"]:
                resource = plain(part["resource"]["attributes"])
                found = [metric for scope in part["scopeMetrics"] for metric in scope["metrics"]]
                self.resources.append(resource)
                self.metrics |= {metric["name"]: metric["sum"] for metric in found}
                points = {metric["name"]: plain_sum(metric["sum"]) for metric in found}
                self.readings.append(resource | points)

    def counter(self, name: str) -> Any:
        return plain_sum(self.metrics[f"spanmeter.client.{name}"])


def plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["key"]: next(iter(item["value"].values())) for item in attributes}


def plain_sum(counter: dict[str, Any]) -> float:
    return sum(map(plain_number, counter["dataPoints"]))


def plain_number(point: dict[str, Any]) -> float:
    return point["asDouble"] if "asDouble" in point else int(point["asInt"])


def _sink_handler(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            sink.connections.add(self.connection)

        def finish(self) -> None:
            sink.connections.discard(self.connection)
            super().finish()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if sink.silent:
                sink.speak.wait(5)
                self.close_connection = True
                return
            packed = self.headers.get("content-encoding") == "gzip"
            status = sink.status(self.path, body := gzip.decompress(body) if packed else body)
            if status == 200:
                sink.headers.append(dict(self.headers))
                sink.take(self.path, body)
            self.send_response(status)
            self.send_header("content-length", str(len(sink.answer)))
            self.end_headers()
            self.wfile.write(sink.answer)

    return Handler


@pytest.fixture
def sink() -> Iterator[Sink]:
    received = Sink()
    yield received
    received.speak.set()
    received.go_away()


@pytest.fixture
def quoting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An application whose operator switched content on."""
    monkeypatch.setenv(capture.VARIABLE, "SPAN_ONLY")
    capture.captures_content.cache_clear()
    yield
    capture.captures_content.cache_clear()
