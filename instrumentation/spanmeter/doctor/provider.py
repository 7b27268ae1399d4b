"""A provider on loopback: it answers every request with the exchange it was given last, and takes OTLP."""

from __future__ import annotations

import contextlib
import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanmeter.doctor.exchange import Exchange

_OTLP = ("/v1/traces", "/v1/metrics")


class Provider:
    """Answers at `url` with `exchange`; counts its answers and the spans it was sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.exchange: Exchange | None = None
        self.answered = 0
        self.spans = 0

    def load(self, exchange: Exchange) -> None:
        """Answer with this from now on, and count answers anew."""
        self.exchange, self.answered = exchange, 0


@contextlib.contextmanager
def serving() -> Iterator[Provider]:
    """Serve on a free port of 127.0.0.1."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    provider = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = _handler(provider)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library's name
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.path in _OTLP:
                provider.spans += _spans(self.path, body, self.headers.get("content-encoding", ""))
                self._answer(b"", "application/x-protobuf")
            elif provider.exchange is not None:
                provider.answered += 1
                self._answer(provider.exchange.encode(), provider.exchange.content_type)

        def _answer(self, body: bytes, content_type: str) -> None:
            self.send_response(200)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _spans(path: str, body: bytes, encoding: str) -> int:
    if path != _OTLP[0]:
        return 0
    try:
        request = ExportTraceServiceRequest.FromString(gzip.decompress(body) if encoding == "gzip" else body)
    except DecodeError:
        return 0
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
