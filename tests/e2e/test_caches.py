"""What the caches of an application saved is what the provider's own record charged for what they kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.e2e.test_one_figure import ROOT, sidecar_of

from spanmeter_dashboard.client import Client
from spanmeter_dashboard.settings import Settings
from spanmeter_dashboard.window import Window

REQUESTS = {"answers": (8, 4), "models": (8, 4), "vectors": (10, 2), "texts": (10, 2), "ingestion": (4, 2)}
"""Hits and misses: two tenants ask three times; vectors and texts are the same for both."""


@dataclass(frozen=True)
class Run:
    url: str
    told: dict[str, Any]
    saved: dict[str, Decimal]

    def ask(self, **query: str) -> dict[str, tuple[int, int, Decimal]]:
        answer = httpx.get(f"{self.url}/api/v1/caches", params=query, trust_env=False).raise_for_status().json()
        by = query.get("group_by", "cache")
        return {row[by]: (row["hits"], row["misses"], Decimal(row["saved_usd"])) for row in answer["rows"]}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    directory = tmp_path_factory.mktemp("caches")
    with sidecar_of(directory / "data", {}) as url:
        done = subprocess.run(
            [sys.executable, "-m", "tests.e2e.caching", url],
            cwd=ROOT,
            env={
                **os.environ,
                "SPANMETER_SPOOL_DIR": str(directory / "spool"),
                "PYTHONPATH": str(ROOT / "tests/others"),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        told = json.loads(done.stdout.splitlines()[-1])
        charged = {name: Decimal(usd) for name, usd in told["charged"].items()}
        # Each tenant paid for the first of three rounds of its own; of what both share one paid for the first of six.
        rounds = dict.fromkeys(("answers", "models", "ingestion"), 2) | dict.fromkeys(("vectors", "texts"), 5)
        run = Run(url, told, {name: charged[name] * times for name, times in rounds.items()})
        deadline = time.monotonic() + 30
        while {name: row[:2] for name, row in run.ask().items()} != REQUESTS:
            assert time.monotonic() < deadline, run.ask()
            time.sleep(0.2)
        yield run


def test_each_cache_saved_what_the_provider_charged_before(run: Run) -> None:
    assert run.ask() == {name: (*REQUESTS[name], run.saved[name]) for name in REQUESTS}


def test_the_process_knows_the_same(run: Run) -> None:
    assert (Decimal(run.told["saved_usd"]), run.told["unpriced_hits"]) == (sum(run.saved.values()), 0)


def test_requests_are_told_apart_by_whom_they_were_made_for(run: Run) -> None:
    for name in ("answers", "models", "ingestion"):
        hits, misses = REQUESTS[name]
        by_tenant = run.ask(group_by="tenant", cache=name, feature="search")
        assert {tenant: row[:2] for tenant, row in by_tenant.items()} == dict.fromkeys(
            ("acme", "globex"), (hits // 2, misses // 2)
        )
        assert sum(row[2] for row in by_tenant.values()) == run.saved[name]
        assert run.ask(group_by="tag.plan", cache=name) == {"gold": by_tenant["acme"], "free": by_tenant["globex"]}
        assert run.ask(**{"tag.plan": "gold", "cache": name}) == {name: by_tenant["acme"]}
    assert run.ask(tenant="nobody") == {}


def test_metrics_tell_the_same(run: Run) -> None:
    text = httpx.get(f"{run.url}/metrics", trust_env=False).text
    told: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in {"spanmeter_cache_requests_total", "spanmeter_cache_saved_usd_total"}:
                told.setdefault(sample.labels["cache"], {})[sample.labels.get("result", "usd")] = sample.value

    assert told == {
        name: {"hit": hits, "miss": misses, "usd": pytest.approx(float(run.saved[name]))}
        for name, (hits, misses) in REQUESTS.items()
    }


def test_the_command_tells_the_same(run: Run) -> None:
    command = [sys.executable, "-m", "spanmeter_collector", "caches", "--json", "--url", run.url, "--by", "cache"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert {row["cache"]: Decimal(row["saved_usd"]) for row in told["caches"]["rows"]} == run.saved


def test_the_cost_explorer_reads_the_same(run: Run) -> None:
    now = datetime.now(UTC)
    with closing(Client(Settings(url=run.url))) as client:
        uses = client.caches(Window(now - timedelta(hours=1), now + timedelta(minutes=1)))

    assert {use.name: (use.hits, use.misses, use.saved_usd) for use in uses if use.name in REQUESTS} == run.ask()
