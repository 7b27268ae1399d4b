"""Beside LangSmith, each request is one trace, each call is charged once, and LangSmith's endpoint gets the spans."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.e2e.test_one_figure import ROOT, sidecar_of
from tests.instrumentation.langsmith_client import Endpoint

HEADERS: Final = "x-api-key=lsv2,Langsmith-Project=shop"
LANGSMITH: Final = {"LANGSMITH_TRACING": "true", "LANGSMITH_API_KEY": "lsv2", "LANGSMITH_OTEL_ENABLED": "true"}


@dataclass
class LangSmith:
    """What stands for LangSmith: what it was sent, by path."""

    url: str
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def bodies(self, path: str) -> list[bytes]:
        return [body for asked, _, body in self.requests if asked == path]

    def spans(self) -> list[Any]:
        requests = map(ExportTraceServiceRequest.FromString, self.bodies("/otel/v1/traces"))
        resources = (resource for request in requests for resource in request.resource_spans)
        return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]


@contextmanager
def langsmith() -> Iterator[LangSmith]:
    class Handler(Endpoint):
        def do_POST(self) -> None:  # noqa: N802  the standard library's name
            body = self.rfile.read(int(self.headers["content-length"]))
            told = {name.lower(): said for name, said in self.headers.items()}
            packed = told.get("content-encoding") == "gzip"
            there.requests.append((self.path, told, gzip.decompress(body) if packed else body))
            self.answer(b"" if self.path.endswith("/v1/traces") else b"{}")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    there = LangSmith(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield there
    server.shutdown()
    server.server_close()


@dataclass(frozen=True)
class Traced:
    """What each side tells of the same requests."""

    provider: dict[str, list[str]]
    charged: dict[str, list[str]]
    traces: list[Any]
    langsmith: LangSmith


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    directory = tmp_path_factory.mktemp("traced")
    with langsmith() as there:
        forwarding = {"SPANMETER_FORWARD": f"{there.url}/otel", "SPANMETER_FORWARD_HEADERS": HEADERS}
        with sidecar_of(directory / "data", forwarding) as url:
            told = _application(url, LANGSMITH | {"LANGSMITH_ENDPOINT": there.url})
            yield Traced(told, _charged(url), _settled(url, there), there)


def _application(url: str, environment: dict[str, str]) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.tracing", url],
        cwd=ROOT,
        env={**os.environ, **environment, "PYTHONPATH": str(Path(ROOT) / "tests/others")},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def _get(url: str) -> Any:
    return httpx.get(url, trust_env=False, timeout=30).raise_for_status().json()


def _charged(url: str) -> dict[str, list[str]]:
    deadline = time.monotonic() + 60
    while "\nspanmeter_collector_pending_spans 0.0" not in httpx.get(f"{url}/metrics", trust_env=False).text:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    rows = _get(f"{url}/api/v1/cost?group_by=feature")["rows"]
    names = ("calls", "input_tokens", "output_tokens")
    return {row["feature"]: [*(str(row[name]) for name in names), _usd(row["cost_usd"])] for row in rows}


def _usd(amount: str) -> str:
    return str(Decimal(amount).normalize())


def _settled(url: str, there: LangSmith) -> list[Any]:
    traces = [_get(f"{url}/api/v1/traces/{one['trace_id']}") for one in _get(f"{url}/api/v1/traces")["traces"]]
    stored, deadline = sum(len(trace["spans"]) for trace in traces), time.monotonic() + 60
    while len(there.spans()) < stored:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return traces


def test_every_request_is_one_trace_that_both_tell_of(traced: Traced) -> None:
    scopes = [{span["scope"] for span in trace["spans"]} for trace in traced.traces]

    assert scopes == [{"spanmeter", "langsmith"}] * len(traced.provider)


def test_every_call_is_charged_once_also_one_that_only_langsmith_sees(traced: Traced) -> None:
    provider = {name: [*counts, _usd(usd)] for name, (*counts, usd) in traced.provider.items()}

    assert traced.charged == provider


def test_langsmiths_otlp_endpoint_gets_the_spans_that_are_stored_with_its_headers(traced: Traced) -> None:
    stored = {span["span_id"] for trace in traced.traces for span in trace["spans"]}
    sent = {
        (told["x-api-key"], told["langsmith-project"]) for path, told, _ in traced.langsmith.requests if "otel" in path
    }

    assert {span.span_id.hex() for span in traced.langsmith.spans()} == stored
    assert sent == {("lsv2", "shop")}


def test_langsmith_gets_its_runs_as_before(traced: Traced) -> None:
    runs = [json.loads(body) for body in traced.langsmith.bodies("/runs/batch")]
    names = {run["name"] for batch in runs for run in batch.get("post") or []}

    assert {"answer", "look_up", "ChatOpenAI", "answer_later", "stream", "without_a_framework"} <= names
