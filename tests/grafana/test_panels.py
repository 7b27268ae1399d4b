"""Every query of the dashboard on a real Prometheus that scrapes a real sidecar with traffic."""

from __future__ import annotations

import math
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode
from prometheus_client.parser import text_string_to_metric_families

from spanmeter import semconv

pytestmark = pytest.mark.prometheus

PATIENCE_S = 60
ROUNDS = 8
RANGE_S = 120


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
    call("chat", "house-model", "langchain") | USED,
    call("chat", "gpt-4o", "langchain") | {semconv.CACHE_HIT: True},
    call("chat", "gpt-4o", "langchain") | {semconv.ERROR_TYPE: "RateLimitError"},
)
ANSWERED, FAILED, UNPRICED = 4 * ROUNDS, ROUNDS, ROUNDS


@dataclass(frozen=True, slots=True)
class Scene:
    """A sidecar that got `ROUNDS` rounds of calls, and the Prometheus that watched it."""

    sidecar: str
    prometheus: str

    def ask(self, path: str, **parameters: str | float) -> Any:
        answer = httpx.get(f"{self.prometheus}/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", f"{answer['error']}: {parameters}"
        return answer["data"]

    def value(self, query: str) -> float:
        (sample,) = self.ask("query", query=query)["result"] or [{"value": (0, "nan")}]
        return float(sample["value"][1])

    def numbers(self, query: str, *, instant: bool) -> list[list[float]]:
        """The values of each series the query answers with."""
        if instant:
            return [[float(series["value"][1])] for series in self.ask("query", query=query)["result"]]
        now = time.time()
        found = self.ask("query_range", query=query, start=now - RANGE_S, end=now, step=1)["result"]
        return [[float(value) for _, value in series["values"]] for series in found]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, grafana: Path) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("panels")
    ports = free_ports(3)
    with (
        sidecar(folder, http=ports[0], grpc=ports[1]) as address,
        prometheus(folder, grafana, address, ports[2]) as watcher,
    ):
        scene = Scene(address, watcher)
        until(lambda: scene.value('up{job="spanmeter"}') == 1)
        for _ in range(ROUNDS):
            send_round(address)
            time.sleep(1)
        until(lambda: scene.value("sum(spanmeter_calls_total)") == ANSWERED + FAILED)
        until(lambda: scene.value("sum(service:spanmeter_cost_usd:rate1h)") > 0)
        yield scene


@contextmanager
def sidecar(folder: Path, *, http: int, grpc: int) -> Iterator[str]:
    settings = {
        "SPANMETER_LISTEN": f"127.0.0.1:{http}",
        "SPANMETER_GRPC_LISTEN": f"127.0.0.1:{grpc}",
        "SPANMETER_DATA_DIR": str(folder / "data"),
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


@pytest.fixture(scope="module")
def chosen(scene: Scene, variables: dict[str, dict[str, Any]], view: Callable[..., Any]) -> dict[str, str]:
    """Every value the menus offer, chosen by hand, as Grafana writes a choice of several."""
    picked: dict[str, str] = {}
    for name, variable in variables.items():
        if variable["type"] == "query":
            selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()  # type: ignore[union-attr]
            values = scene.ask(f"label/{label}/values", **{"match[]": view(chosen=picked).fill(selector)})
            picked[name] = f"({'|'.join(map(escaped, values))})"
    return picked


def escaped(value: str) -> str:
    """The value as a pattern inside a PromQL string, the way Grafana escapes what is chosen in a menu."""
    return re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", value)


def test_every_menu_offers_what_was_sent(scene: Scene, chosen: dict[str, str]) -> None:
    assert chosen == {
        "job": "(spanmeter)",
        "instance": f"({escaped(scene.sidecar.removeprefix('http://'))})",
        "service": "(search|shop)",
        "provider": "(openai)",
        "model": "(gpt-4o|gpt-4o-mini|house-model|text-embedding-3-small)",
        "requested_model": "(gpt-4o|gpt-4o-mini|house-model|text-embedding-3-small)",
    }


@pytest.mark.parametrize("menus", ["all", "each value"])
def test_every_panel_has_data(
    menus: str, scene: Scene, targets: list[Any], request: pytest.FixtureRequest, view: Callable[..., Any]
) -> None:
    choice = request.getfixturevalue("everything" if menus == "all" else "chosen")
    filled = view(range_s=RANGE_S, interval_s=1, scrape_s=1, chosen=choice)

    for target in targets:
        series = scene.numbers(filled.fill(target.expr), instant=target.instant)
        assert series, f"{target.panel} is empty: {target.expr}"
        assert [line for line in series if all(map(math.isnan, line))] == [], f"{target.panel}: {target.expr}"


def test_figures_in_range_are_what_the_cost_explorer_says(
    scene: Scene, targets: list[Any], everything: dict[str, str], view: Callable[..., Any]
) -> None:
    filled = view(range_s=RANGE_S, interval_s=1, scrape_s=1, chosen=everything)
    shown = {
        target.panel: scene.value(filled.fill(target.expr))
        for target in targets
        if target.panel in {"Spend in range", "Calls in range", "Failed share", "Unpriced calls"}
    }

    total = httpx.get(f"{scene.sidecar}/api/v1/cost").json()["total"]

    assert (total["calls"], total["failed_calls"], total["unpriced_calls"]) == (ANSWERED, FAILED, UNPRICED)
    assert shown == pytest.approx(
        {
            "Spend in range": float(total["cost_usd"]),
            "Calls in range": ANSWERED,
            "Failed share": FAILED / (ANSWERED + FAILED),
            "Unpriced calls": UNPRICED,
        },
        rel=1e-9,
    )


def test_every_metric_and_label_is_one_the_sidecar_exposes(
    scene: Scene, targets: list[Any], everything: dict[str, str], view: Callable[..., Any], grafana: Path
) -> None:
    exposed: dict[str, set[str]] = {"up": set()}
    for family in text_string_to_metric_families(httpx.get(f"{scene.sidecar}/metrics").text):
        for sample in family.samples:
            exposed.setdefault(sample.name, set()).update(sample.labels)
    texts = [view(chosen=everything).fill(target.expr) for target in targets]
    texts += (grafana / "rules" / "recording.yaml").read_text(encoding="utf-8").split("expr:")[1:]
    used = [
        match
        for text in texts
        for match in re.finditer(r"(?<![:\w])((?:spanmeter|gen_ai_client)_\w+)(?:\{(.*?)\})?", text)
    ]

    assert used
    for match in used:
        asked = set(re.findall(r"(\w+)(?:=|!=)", match[2] or "")) - {"job", "instance"}
        assert match[1] in exposed
        assert asked <= exposed[match[1]], match[0]


def test_every_rule_evaluates_and_records(scene: Scene) -> None:
    rules = [rule for group in scene.ask("rules")["groups"] for rule in group["rules"]]

    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
    for rule in rules:
        if rule["type"] == "recording":
            assert scene.numbers(rule["name"], instant=True), rule["name"]


def test_the_model_without_a_price_and_nothing_else_raises_an_alert(scene: Scene) -> None:
    firing = [alert["labels"] for alert in scene.ask("alerts")["alerts"] if alert["state"] == "firing"]

    assert [(labels["alertname"], labels["model"]) for labels in firing] == [("SpanmeterUnpricedCalls", "house-model")]
