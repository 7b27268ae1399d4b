"""Spans and counters reach the sidecar through the SDK's own exporters, whoever owns the tracer provider."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from pydantic import SecretStr

from spanmeter.telemetry import Telemetry


@dataclass
class Sink:
    """A receiver of OTLP/HTTP that keeps what it was sent."""

    url: str = ""
    spans: list[dict[str, Any]] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    fail_next: list[int] = field(default_factory=list)

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for part in MessageToDict(ExportTraceServiceRequest.FromString(body))["resourceSpans"]:
                self.resources.append(_plain(part["resource"]["attributes"]))
                self.spans += [span for scope in part["scopeSpans"] for span in scope["spans"]]
        else:
            for part in MessageToDict(ExportMetricsServiceRequest.FromString(body))["resourceMetrics"]:
                self.resources.append(_plain(part["resource"]["attributes"]))
                found = [metric for scope in part["scopeMetrics"] for metric in scope["metrics"]]
                self.metrics |= {metric["name"]: metric["sum"] for metric in found}


def _unpacked(body: bytes, encoding: str | None) -> bytes:
    return gzip.decompress(body) if encoding == "gzip" else body


def _plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["key"]: next(iter(item["value"].values())) for item in attributes}


@pytest.fixture
def sink() -> Iterator[Sink]:
    received = Sink()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = received.fail_next.pop() if received.fail_next and self.path == "/v1/traces" else 200
            if status == 200:
                received.take(self.path, _unpacked(body, self.headers.get("content-encoding")))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    received.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield received
    server.shutdown()
    server.server_close()
    thread.join()


APPLICATION = """
    import json
    {before}
    import spanmeter
    spanmeter.instrument({options})
    with spanmeter.context(tenant="acme"):
        spanmeter.track("work")(lambda: None)()
    spanmeter.uninstrument()
    from opentelemetry import trace
    print(json.dumps(len(trace.get_tracer_provider()._active_span_processor._span_processors)))
"""


def run(*, before: str = "", options: str = "", **environment: str) -> Any:
    code = textwrap.dedent(APPLICATION).format(before=before, options=options)
    told = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")} | environment
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=told)
    return json.loads(done.stdout)


def test_an_application_without_a_tracer_provider_gets_one(sink: Sink) -> None:
    processors = run(options=f"service_name='shop', endpoint='{sink.url}'")

    (span,) = sink.spans
    assert span["name"] == "work"
    assert _plain(span["attributes"]) == {"spanmeter.operation": "track", "spanmeter.tenant": "acme"}
    assert {resource["service.name"] for resource in sink.resources} == {"shop"}
    assert len({resource["service.instance.id"] for resource in sink.resources}) == 1
    assert processors == 0


def test_an_application_keeps_its_own_tracer_provider(sink: Sink) -> None:
    before = (
        "from opentelemetry import trace; from opentelemetry.sdk.resources import Resource; "
        "from opentelemetry.sdk.trace import TracerProvider, SpanProcessor; "
        "own = TracerProvider(resource=Resource({'service.name': 'own'})); "
        "own.add_span_processor(SpanProcessor()); trace.set_tracer_provider(own)"
    )
    processors = run(before=before, options=f"service_name='shop', endpoint='{sink.url}'")

    assert [span["name"] for span in sink.spans] == ["work"]
    assert {resource["service.name"] for resource in sink.resources} == {"own"}
    assert processors == 1


def test_the_standard_variables_are_obeyed(sink: Sink) -> None:
    run(
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        OTEL_SERVICE_NAME="named",
        OTEL_RESOURCE_ATTRIBUTES="service.instance.id=pod-7",
    )

    assert [span["name"] for span in sink.spans] == ["work"]
    assert {(seen["service.name"], seen["service.instance.id"]) for seen in sink.resources} == {("named", "pod-7")}


def test_counters_of_the_process_are_cumulative_and_exported(sink: Sink) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    telemetry = Telemetry(service_name=None, endpoint=sink.url, tracer_provider=provider)
    provider.get_tracer("app").start_span("a").end()
    telemetry.close()

    assert set(sink.metrics) == {
        "spanmeter.client.calls",
        "spanmeter.client.tokens",
        "spanmeter.client.cost_usd",
        "spanmeter.client.spans",
        "spanmeter.client.exported_spans",
        "spanmeter.client.spooled_spans",
        "spanmeter.client.dropped_spans",
        "spanmeter.client.usage_contradictions",
        "spanmeter.client.faults",
    }
    assert {metric["aggregationTemporality"] for metric in sink.metrics.values()} == {
        "AGGREGATION_TEMPORALITY_CUMULATIVE"
    }
    spans, exported = (
        sink.metrics[f"spanmeter.client.{name}"]["dataPoints"][0] for name in ("spans", "exported_spans")
    )
    assert int(spans["asInt"]) >= int(exported["asInt"]) >= 1


LEAVING = """
import time
import spanmeter
spanmeter.instrument(endpoint="{endpoint}")
{work}
print(time.time())
"""
MUCH = 'for _ in range(2_000): spanmeter.track("work")(lambda: None)()'
UNFINISHED = """
from langchain_core.language_models import FakeListChatModel
stream = FakeListChatModel(responses=["answer"]).stream("q")
next(stream)
"""


def _seconds_to_leave(endpoint: str, *, work: str = MUCH) -> float:
    code = LEAVING.format(endpoint=endpoint, work=work)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return time.time() - float(done.stdout)


def test_without_a_sidecar_the_application_leaves_in_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    assert _seconds_to_leave(f"http://127.0.0.1:{port}") < 5.5


def test_a_sidecar_that_is_busy_when_the_application_leaves_still_gets_every_span(sink: Sink) -> None:
    sink.fail_next = [503]
    _seconds_to_leave(sink.url)

    assert len(sink.spans) == 2_000
    exported = sink.metrics["spanmeter.client.exported_spans"]["dataPoints"][0]
    assert exported["asInt"] == "2000"


def test_a_call_still_open_when_the_application_leaves_is_sent_as_cancelled(sink: Sink) -> None:
    _seconds_to_leave(sink.url, work=UNFINISHED)

    (span,) = sink.spans
    assert span["name"] == "chat FakeListChatModel"
    assert _plain(span["attributes"])["spanmeter.outcome"] == "cancelled"


def test_spans_of_others_inside_a_model_call_say_so(provider: Any, instrumented: Any) -> None:
    tracer = instrumented.tracer_provider.get_tracer("client instrumentation")

    def request(_: httpx.Request) -> None:
        with tracer.start_as_current_span("POST"), tracer.start_as_current_span("connect"):
            pass

    with httpx.Client(event_hooks={"request": [request]}) as client:
        model = ChatOpenAI(
            model="gpt-5", base_url=f"{provider.url}/v1", api_key=SecretStr("none"), max_retries=0, http_client=client
        )
        with tracer.start_as_current_span("application"):
            model.invoke("a")
            RunnableLambda(request).invoke(httpx.Request("GET", "http://none"))

    marked = [(span.name, span.attributes.get("spanmeter.inside_call")) for span in instrumented.finished]
    inside, outside = [("connect", True), ("POST", True)], [("connect", None), ("POST", None)]
    assert marked == [*inside, ("chat gpt-5", None), *outside, ("chain request", None), ("application", None)]
