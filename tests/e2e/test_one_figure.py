"""The bill in the process, the spans, the ledger, the API, the metrics, the command line and the dashboard agree."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from streamlit.testing.v1 import AppTest
from tests.e2e.spending import FIGURES

import spanmeter_dashboard
from spanmeter_dashboard import figures
from spanmeter_dashboard.client import Client
from spanmeter_dashboard.settings import Settings
from spanmeter_dashboard.window import Window

ROOT: Final = Path(__file__).parents[2]
APP: Final = Path(str(spanmeter_dashboard.__file__)).with_name("app.py")
AGREED: Final = '[[discount]]\nprovider = "openai"\nmodel = "*"\ntenant = "acme"\npercent = 20\n'
PLACES: Final = Decimal("1e-12")
Figures = dict[str, Decimal]


class Spent:
    """What an application spent, as every surface tells it."""

    def __init__(self, url: str, told: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self.url = url
        self.told = told
        self.environment = environment

    @property
    def bill(self) -> Figures:
        return {name: Decimal(said) for name, said in self.told["bill"].items()}

    def get(self, path: str) -> Any:
        answer = httpx.get(self.url + path, trust_env=False, timeout=30)
        assert answer.is_success, answer.text
        return answer.json()

    @cached_property
    def spans(self) -> list[dict[str, Any]]:
        traces = self.get("/api/v1/traces?limit=1000")["traces"]
        return [span for trace in traces for span in self.get(f"/api/v1/traces/{trace['trace_id']}")["spans"]]

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "spanmeter_collector", *arguments, "--url", self.url],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={**os.environ, **self.environment},
        )
        return done.stdout

    def metrics(self) -> Iterator[tuple[str, Mapping[str, str], Decimal]]:
        text = httpx.get(f"{self.url}/metrics", trust_env=False).text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                yield sample.name, sample.labels, Decimal(repr(sample.value))


@pytest.fixture(scope="module")
def spent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spent]:
    directory = tmp_path_factory.mktemp("spent")
    prices = directory / "prices.toml"
    prices.write_text(AGREED, encoding="utf-8")
    environment = {"SPANMETER_PRICES": str(prices), "SPANMETER_SPOOL_DIR": str(directory / "spool")}
    with sidecar_of(directory / "data", environment) as url:
        told = _application(url, environment)
        _settle(url)
        yield Spent(url, told, environment)


@contextmanager
def sidecar_of(data: Path, environment: Mapping[str, str]) -> Iterator[str]:
    free = dict.fromkeys(("SPANMETER_LISTEN", "SPANMETER_GRPC_LISTEN"), "127.0.0.1:0")
    known = {"PATH": os.environ["PATH"], "HOME": str(data.parent), "SPANMETER_DATA_DIR": str(data)} | free
    command = [sys.executable, "-m", "spanmeter_collector", "collector"]
    with subprocess.Popen(command, env={**known, **environment}, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        ready = next(json.loads(line) for line in process.stderr if '"message": "ready"' in line)
        try:
            yield f"http://{ready['http']}"
        finally:
            process.terminate()
            process.stderr.read()


def _application(url: str, environment: Mapping[str, str]) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.spending", url],
        cwd=ROOT,
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT / "tests/others")},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def _settle(url: str) -> None:
    for _ in range(600):
        if "\nspanmeter_collector_pending_spans 0.0" in httpx.get(f"{url}/metrics", trust_env=False).text:
            return
        time.sleep(0.05)
    pytest.fail("the sidecar did not store what it took")


def usd(amounts: Iterable[str | None]) -> Decimal:
    return sum((Decimal(amount) for amount in amounts if amount is not None), Decimal(0)).quantize(PLACES)


def total_of(sums: Mapping[str, Any]) -> Figures:
    return {name: Decimal(sums[name]) for name in FIGURES if name in sums} | {"priced_usd": usd([sums["cost_usd"]])}


def test_the_application_spent_in_every_way(spent: Spent) -> None:
    counted = [span for span in spent.spans if span["charges"]]
    attributes = [span["attributes"] for span in counted]
    assert {name: int(spent.bill[name]) for name in ("calls", "failed_calls", "cache_hits", "unpriced_calls")} == {
        "calls": 11,
        "failed_calls": 2,
        "cache_hits": 2,
        "unpriced_calls": 1,
    }
    assert spent.bill["cached_input_tokens"] > 0
    assert spent.bill["reasoning_tokens"] > 0
    assert {span["grade"] for span in counted} == {"computed", "estimated", "unpriced"}
    assert [each["spanmeter.price.region"] for each in attributes if "spanmeter.price.region" in each] == ["us"]
    assert [
        len(json.loads(each["spanmeter.usage.parts"])) for each in attributes if "spanmeter.usage.parts" in each
    ] == [2]


def test_a_tenant_pays_what_was_agreed(spent: Spent) -> None:
    sums = spent.get("/api/v1/cost?tenant=acme")["total"]
    cached, fresh = sums["cached_input_tokens"], sums["input_tokens"] - sums["cached_input_tokens"]
    per_million = fresh * Decimal("0.15") + cached * Decimal("0.075") + sums["output_tokens"] * Decimal("0.6")

    assert (sums["calls"], usd([sums["cost_usd"]])) == (1, (per_million * Decimal("0.8e-6")).quantize(PLACES))


def test_the_spans_say_what_the_bill_says(spent: Spent) -> None:
    attributes = [span["attributes"] for span in spent.spans]

    assert usd(each.get("spanmeter.cost.usd") for each in attributes) == spent.bill["priced_usd"].quantize(PLACES)


def test_the_charges_of_the_ledger_add_up_to_the_bill(spent: Spent) -> None:
    charges = [charge for span in spent.spans for charge in span["charges"]]
    exported = list(csv.DictReader(spent.command("export", "--format", "csv").splitlines()))

    for entries in (charges, exported):
        tokens = sum(int(entry["quantity"]) for entry in entries if entry["unit"] == "token")
        assert usd(entry["usd"] or None for entry in entries) == spent.bill["priced_usd"].quantize(PLACES)
        assert tokens == spent.bill["input_tokens"] + spent.bill["output_tokens"]


@pytest.mark.parametrize("group_by", ["", "model", "feature,component", "day,grade", "tenant,operation"])
def test_the_api_s_cost_is_the_bill_however_it_is_grouped(spent: Spent, group_by: str) -> None:
    answer = spent.get(f"/api/v1/cost?group_by={group_by}")

    assert total_of(answer["total"]) == spent.bill
    assert usd(row["cost_usd"] for row in answer["rows"]) == spent.bill["priced_usd"].quantize(PLACES)


def test_the_models_cost_what_the_bill_says_of_each(spent: Spent) -> None:
    rows = spent.get("/api/v1/cost?group_by=model")["rows"]
    billed = {model: Decimal(said).quantize(PLACES) for model, said in spent.told["by_model"].items()}

    assert {row["model"]: usd([row["cost_usd"]]) for row in rows} == billed


def test_the_traces_add_up_to_the_bill(spent: Spent) -> None:
    traces = spent.get("/api/v1/traces?limit=1000")["traces"]
    shown = [name for name in FIGURES if name in traces[0]]

    assert {name: sum(Decimal(trace[name]) for trace in traces) for name in shown} == {
        name: spent.bill[name] for name in shown
    }
    assert usd(trace["cost_usd"] for trace in traces) == spent.bill["priced_usd"].quantize(PLACES)


def test_the_metrics_add_up_to_the_bill(spent: Spent) -> None:
    sums: dict[str, Decimal] = {}
    for name, labels, value in spent.metrics():
        told = f"{name} {labels.get('outcome', labels.get('result', ''))}".strip()
        sums[told] = sums.get(told, Decimal(0)) + value

    assert sums["spanmeter_calls_total answered"] == spent.bill["calls"]
    assert sums["spanmeter_calls_total failed"] == spent.bill["failed_calls"]
    assert sums["spanmeter_cache_requests_total hit"] == spent.bill["cache_hits"]
    assert sums["spanmeter_cost_usd_total"].quantize(PLACES) == spent.bill["priced_usd"].quantize(PLACES)
    assert sums["spanmeter_tokens_total"] == spent.bill["input_tokens"] + spent.bill["output_tokens"]
    assert sums["spanmeter_unpriced_calls_total"] == spent.bill["unpriced_calls"]


def test_the_command_line_says_what_the_bill_says(spent: Spent) -> None:
    cost = json.loads(spent.command("cost", "--json", "--by", "model,feature"))
    traces = json.loads(spent.command("traces", "--json", "--limit", "1000"))["traces"]

    assert total_of(cost["total"]) == spent.bill
    assert usd(trace["cost_usd"] for trace in traces) == spent.bill["priced_usd"].quantize(PLACES)


def test_the_dashboard_shows_the_bill(spent: Spent, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    client = Client(Settings(spent.url, ""))
    total = client.cost(Window(now - timedelta(hours=1), now + timedelta(minutes=1))).total
    client.close()
    monkeypatch.setattr(sys, "argv", ["app.py", "--url", spent.url])
    page = AppTest.from_file(str(APP), default_timeout=60).run()
    shown = {metric.label.partition(" ")[0]: metric.value for metric in page.metric}

    told = {name: Decimal(getattr(total, name)) for name in FIGURES if name != "priced_usd"}
    assert told | {"priced_usd": Decimal(total.cost_usd or 0).quantize(PLACES)} == spent.bill
    assert (shown["Spend"], shown["Calls"]) == (figures.money(spent.bill["priced_usd"]), str(spent.bill["calls"]))
