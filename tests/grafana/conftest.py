"""The committed dashboard, its queries with Grafana's variables filled in, and a Prometheus to run them on."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode

from spanmeter import semconv

GRAFANA = Path(__file__).parents[2] / "grafana"


@dataclass(frozen=True, slots=True)
class Target:
    """One query of one panel, as it stands in the JSON."""

    panel: str
    legend: str
    expr: str
    instant: bool


@dataclass(frozen=True, slots=True)
class View:
    """What Grafana puts in place of variables: the time range, the resolution and what was chosen in the menus."""

    range_s: int = 3600
    interval_s: int = 15
    scrape_s: int = 15
    chosen: Mapping[str, str] = field(default_factory=dict)

    def fill(self, expr: str) -> str:
        rate_interval = max(self.interval_s + self.scrape_s, 4 * self.scrape_s)
        built_in = {
            "__range": f"{self.range_s}s",
            "__interval": f"{self.interval_s}s",
            "__rate_interval": f"{rate_interval}s",
        }
        values = built_in | dict(self.chosen)
        return re.sub(r"\$(\w+)", lambda name: values[name[1]], expr)


@pytest.fixture(scope="session")
def grafana() -> Path:
    return GRAFANA


@pytest.fixture(scope="session")
def dashboard() -> dict[str, Any]:
    return dict(json.loads((GRAFANA / "dashboards" / "overview.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


@pytest.fixture(scope="session")
def targets(panels: list[dict[str, Any]]) -> list[Target]:
    return [
        Target(panel["title"], target["legendFormat"], target["expr"], instant=target.get("instant", False))
        for panel in panels
        for target in panel["targets"]
    ]


@pytest.fixture(scope="session")
def variables(dashboard: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


@pytest.fixture(scope="session")
def everything(variables: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What Grafana puts in for the menus' "All"."""
    return {name: variable["allValue"] for name, variable in variables.items() if "allValue" in variable}


@pytest.fixture(scope="session")
def view() -> type[View]:
    return View


PATIENCE_S = 60
ROUNDS = 8


def call(operation: str, model: str, framework: str) -> dict[str, Any]:
    return {
        semconv.OPERATION_NAME: operation,
        semconv.PROVIDER_NAME: "openai",
        semconv.REQUEST_MODEL: model,
        semconv.FRAMEWORK: framework,
    }


USED = {semconv.INPUT_TOKENS: 1200, semconv.OUTPUT_TOKENS: 80}
CACHED = {semconv.CACHE_READ_TOKENS: 1024, semconv.REASONING_TOKENS: 16}
STREAMED = {semconv.REQUEST_STREAM: True, semconv.TIME_TO_FIRST_CHUNK: 0.25}
ROUND: tuple[dict[str, Any], ...] = (
    call("chat", "gpt-4o-mini", "langchain") | USED | CACHED,
    call("chat", "gpt-4o", "llama_index") | USED | STREAMED,
    call("embeddings", "text-embedding-3-small", "llama_index") | {semconv.INPUT_TOKENS: 300},
    call("chat", "house-model", "langchain") | USED | {semconv.CACHE_CREATION_TOKENS: 64},
    call("chat", "gpt-4o", "langchain") | {semconv.CACHE_HIT: True},
    call("chat", "gpt-4o", "langchain") | {semconv.ERROR_TYPE: "RateLimitError"},
    {semconv.OPERATION_NAME: "retrieval", semconv.FRAMEWORK: "langchain"},
    {semconv.OPERATION: "cache", semconv.CACHE_NAME: "answers", semconv.CACHE_RESULT: "miss"},
    {
        semconv.OPERATION: "cache",
        semconv.CACHE_NAME: "answers",
        semconv.CACHE_RESULT: "hit",
        semconv.CACHE_SAVED_USD: "0.001",
    },
)


@dataclass(frozen=True, slots=True)
class Scene:
    """A sidecar that got `ROUNDS` rounds of calls, and the Prometheus that watched it."""

    sidecar: str
    prometheus: str
    answered: int = 4 * ROUNDS
    failed: int = ROUNDS
    unpriced: int = ROUNDS
    lost: int = 2
    range_s: int = 120

    def ask(self, path: str, **parameters: str | float) -> Any:
        answer = httpx.get(f"{self.prometheus}/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", f"{answer['error']}: {parameters}"
        return answer["data"]

    def value(self, query: str) -> float:
        (sample,) = self.ask("query", query=query)["result"] or [{"value": (0, "nan")}]
        return float(sample["value"][1])

    def series(self, query: str, *, instant: bool) -> list[tuple[dict[str, str], list[float]]]:
        """Labels and values of each series the query answers with."""
        if instant:
            found = self.ask("query", query=query)["result"]
            return [(series["metric"], [float(series["value"][1])]) for series in found]
        now = time.time()
        found = self.ask("query_range", query=query, start=now - self.range_s, end=now, step=1)["result"]
        return [(series["metric"], [float(value) for _, value in series["values"]]) for series in found]


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory, grafana: Path) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("panels")
    ports = free_ports(3)
    with (
        sidecar(folder, http=ports[0], grpc=ports[1]) as address,
        prometheus(folder, grafana, address, ports[2]) as watcher,
    ):
        scene = Scene(address, watcher)
        until(lambda: scene.value('up{job="spanmeter"}') == 1)
        tell(address, calls=scene.lost)
        lease(address)
        for _ in range(ROUNDS):
            send_round(address)
            time.sleep(1)
        until(lambda: scene.value("sum(spanmeter_calls_total)") == scene.answered + scene.failed)
        until(lambda: scene.value("sum(service:spanmeter_cost_usd:rate1h)") > 0)
        until(lambda: scene.value("sum(spanmeter_lost_calls)") == scene.lost)
        yield scene


@contextmanager
def sidecar(folder: Path, *, http: int, grpc: int) -> Iterator[str]:
    settings = {
        "SPANMETER_LISTEN": f"127.0.0.1:{http}",
        "SPANMETER_GRPC_LISTEN": f"127.0.0.1:{grpc}",
        "SPANMETER_DATA_DIR": str(folder / "data"),
        "SPANMETER_LOSS_SETTLE": "10s",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SPANMETER_")}
    command = [sys.executable, "-m", "spanmeter_collector", "collector"]
    with process(command, folder / "sidecar.log", env=inherited | settings):
        until(lambda: answers(f"http://127.0.0.1:{http}/ready"))
        yield f"http://127.0.0.1:{http}"


@contextmanager
def prometheus(folder: Path, grafana: Path, sidecar: str, port: int) -> Iterator[str]:
    recording = folder / "recording.yaml"
    often = (grafana / "rules" / "recording.yaml").read_text(encoding="utf-8").replace("interval: 30s", "interval: 1s")
    recording.write_text(often, encoding="utf-8")
    target = {"targets": [sidecar.removeprefix("http://")]}
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(recording), str(grafana / "rules" / "alerts.yaml")],
        "scrape_configs": [{"job_name": "spanmeter", "static_configs": [target]}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with process(command, folder / "prometheus.log"):
        until(lambda: answers(f"http://127.0.0.1:{port}/-/ready"))
        yield f"http://127.0.0.1:{port}"


@contextmanager
def process(command: list[str], log: Path, env: Mapping[str, str] | None = None) -> Iterator[None]:
    with log.open("wb") as output:
        running = subprocess.Popen(command, stdout=output, stderr=output, env=env)
    try:
        yield
    except TimeoutError as error:
        raise TimeoutError(log.read_text(encoding="utf-8")) from error
    finally:
        running.terminate()
        running.wait(timeout=20)


def free_ports(count: int) -> list[int]:
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [door.getsockname()[1] for door in doors]
    for door in doors:
        door.close()
    return ports


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not met():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.2)


def tell(address: str, *, calls: int) -> None:
    """Counters of a process of each service whose calls never arrive."""
    for service, told in (("shop", calls), ("search", 0)):
        resource = Resource.create({semconv.SERVICE_NAME: service, semconv.SERVICE_INSTANCE_ID: f"{service}-1"})
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{address}/v1/metrics"))
        provider = MeterProvider([reader], resource=resource)
        provider.get_meter(semconv.SCOPE).create_counter(f"{semconv.COUNTER_PREFIX}calls").add(told)
        provider.shutdown()


def lease(address: str) -> None:
    """A budget with a holder that spent a little of it."""
    defined = {"limit_usd": "1000", "thresholds": ["0.001"]}
    assert httpx.put(f"{address}/api/v1/budgets/acme", json=defined).status_code == 200
    told = {"holder": "h", "spent_usd": "2", "reserved_usd": "1"}
    assert httpx.post(f"{address}/api/v1/budgets/acme/lease", json=told).status_code == 200


def send_round(address: str) -> None:
    """One of each kind of call from each of two services, and a body that is no OTLP."""
    for service, calls in (("shop", ROUND[:3]), ("search", ROUND[3:])):
        exporter = OTLPSpanExporter(endpoint=f"{address}/v1/traces")
        provider = TracerProvider(resource=Resource.create({semconv.SERVICE_NAME: service}))
        provider.add_span_processor(BatchSpanProcessor(exporter))
        for attributes in calls:
            end = time.time_ns()
            span = provider.get_tracer(semconv.SCOPE).start_span(
                "call", attributes=attributes, start_time=end - 400_000_000
            )
            if semconv.ERROR_TYPE in attributes:
                span.set_status(Status(StatusCode.ERROR))
            span.end(end)
        provider.shutdown()
    refused = httpx.post(f"{address}/v1/traces", content=b"\xff", headers={"Content-Type": "application/x-protobuf"})
    assert refused.status_code == 400
