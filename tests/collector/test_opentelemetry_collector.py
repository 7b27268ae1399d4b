"""A real OpenTelemetry Collector between the SDK and the sidecar; `make collectors` builds it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

MakeSpan = Callable[..., Span]
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
BINARY: Final = CACHE / "spanmeter" / "opentelemetry-collector" / "source" / "otelcol"
PATHS: Final[Mapping[str, Mapping[str, str]]] = {
    "otlp_http/plain": {"compression": "none"},
    "otlp_http/gzip": {"compression": "gzip"},
    "otlp_http/zstd": {"compression": "zstd"},
    "otlp_http/deflate": {"compression": "deflate"},
    "otlp_http/zlib": {"compression": "zlib"},
    "otlp_http/json": {"compression": "gzip", "encoding": "json"},
    "otlp_http/zstd-json": {"compression": "zstd", "encoding": "json"},
    "otlp_grpc/plain": {"compression": "none"},
    "otlp_grpc/gzip": {"compression": "gzip"},
}
RETRY: Final = {"initial_interval": "100ms", "max_interval": "500ms", "max_elapsed_time": "0"}
CALLS: Final = 40

pytestmark = pytest.mark.skipif(not BINARY.exists(), reason="run `make collectors` to build the Collector (needs Go)")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def configuration(ports: Mapping[str, int], *, http: str, grpc: str) -> dict[str, Any]:
    """A pipeline of its own for every path."""
    receivers = {
        f"otlp/{path.replace('/', '-')}": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}
        for path, port in ports.items()
    }
    to: dict[str, dict[str, Any]] = {
        "otlp_http": {"endpoint": http},
        "otlp_grpc": {"endpoint": grpc, "tls": {"insecure": True}},
    }
    exporters = {path: {**to[path.partition("/")[0]], "retry_on_failure": RETRY, **PATHS[path]} for path in ports}
    pipelines = {
        f"traces/{number}": {"receivers": [receiver], "processors": ["batch"], "exporters": [exporter]}
        for number, (receiver, exporter) in enumerate(zip(receivers, exporters, strict=True))
    }
    return {
        "receivers": receivers,
        "processors": {"batch": {"timeout": "50ms"}},
        "exporters": exporters,
        "service": {"telemetry": {"metrics": {"level": "none"}}, "pipelines": pipelines},
    }


@contextmanager
def collector(directory: Path, ports: Mapping[str, int], **doors: str) -> Iterator[None]:
    """A running Collector that takes OTLP/HTTP for each path on its port."""
    path = directory / "collector.yaml"
    path.write_text(json.dumps(configuration(ports, **doors)), encoding="utf-8")
    with (directory / "collector.log").open("wb") as log:
        process = subprocess.Popen([BINARY, "--config", path], stderr=log)
    try:
        deadline = time.monotonic() + 60
        while b"Everything is ready" not in (said := (directory / "collector.log").read_bytes()):
            assert time.monotonic() < deadline, said.decode()
            assert process.poll() is None, said.decode()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(60)


def send(port: int, service: str, spans: list[Span]) -> None:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = service
    resource_spans.scope_spans.add().spans.extend(spans)
    headers = {"content-type": "application/x-protobuf"}
    body = request.SerializeToString()
    httpx.post(f"http://127.0.0.1:{port}/v1/traces", content=body, headers=headers, timeout=30).raise_for_status()


def bill(sidecar: Any, path: str) -> tuple[int, str]:
    total = sidecar.get(f"/api/v1/cost?since=2026-11-22T00:00:00Z&service={path}")["total"]
    return total["calls"], total["cost_usd"]


def wait_for_bills(sidecar: Any, paths: Mapping[str, int], *, calls: int) -> None:
    expected = dict.fromkeys(paths, (calls, f"{calls * 0.000195:.4f}"))
    deadline = time.monotonic() + 60
    while (found := {path: bill(sidecar, path) for path in paths}) != expected:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_every_way_through_a_collector_ends_in_the_ledger(
    start_sidecar: Callable[..., Any], tmp_path: Path, span: MakeSpan, call_attributes: dict[str, Any]
) -> None:
    sidecar = start_sidecar()
    ports = {path: free_port() for path in PATHS}

    with collector(tmp_path, ports, http=sidecar.http, grpc=sidecar.grpc):
        for number, (path, port) in enumerate(ports.items(), 1):
            send(port, path, [span(number * 1000 + call, attributes=call_attributes) for call in range(CALLS)])
        wait_for_bills(sidecar, ports, calls=CALLS)

    sidecar.settle()
    assert sidecar.metric("spanmeter_collector_stored_spans_total") == CALLS * len(PATHS)


def test_what_a_collector_holds_while_the_sidecar_is_away_comes_once(
    start_sidecar: Callable[..., Any], tmp_path: Path, span: MakeSpan, call_attributes: dict[str, Any]
) -> None:
    ports = {path: free_port() for path in ("otlp_http/zstd", "otlp_http/json", "otlp_grpc/gzip")}
    doors = {"LISTEN": f"127.0.0.1:{free_port()}", "GRPC_LISTEN": f"127.0.0.1:{free_port()}"}
    numbers = iter(range(1, 10_000))

    def send_all(count: int) -> None:
        for path, port in ports.items():
            for _ in range(count):
                send(port, path, [span(next(numbers), attributes=call_attributes) for _ in range(CALLS)])

    sidecar = start_sidecar(**doors)
    with collector(tmp_path, ports, http=sidecar.http, grpc=sidecar.grpc):
        send_all(1)
        wait_for_bills(sidecar, ports, calls=CALLS)
        assert sidecar.stop() == 0
        send_all(2)
        sidecar = start_sidecar(**doors)
        send_all(1)
        wait_for_bills(sidecar, ports, calls=4 * CALLS)
