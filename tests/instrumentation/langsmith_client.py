"""A LangSmith client in OpenTelemetry mode, whose endpoint is a local one that takes runs and keeps none."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from langsmith import Client, run_trees, tracing_context
from opentelemetry.sdk.trace import TracerProvider

BATCHES = {
    "use_multipart_endpoint": False,
    "size_limit": 100,
    "size_limit_bytes": 1 << 20,
    "scale_up_nthreads_limit": 1,
    "scale_up_qsize_trigger": 1000,
    "scale_down_nempty_trigger": 4,
}


class Endpoint(BaseHTTPRequestHandler):
    """Answers as LangSmith's API does."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.answer(json.dumps({"version": "0.10.0", "batch_ingest_config": BATCHES}).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.answer(b"{}")

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def langsmith(tracer_provider: TracerProvider, mode: Any) -> Iterator[Client]:
    """Trace to LangSmith in a mode of its client: `langsmith`, `hybrid` or `otel`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    client = Client(api_url=url, api_key="none", tracing_mode=mode, otel_tracer_provider=tracer_provider)
    earlier, run_trees._CLIENT = run_trees._CLIENT, client
    try:
        with tracing_context(enabled=True, client=client):
            yield client
    finally:
        run_trees._CLIENT = earlier
        client.cleanup()
        server.shutdown()
        server.server_close()
        thread.join()
