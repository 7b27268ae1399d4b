"""The demo as a user starts it, and its bill worked out again from what the provider itself recorded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

ONE_ROUND = 12  # every way of answering in every mode
USD_PER_MILLION_TOKENS = {  # input, cached input, output: https://openai.com/api/pricing
    "gpt-4o-mini-2024-07-18": ("0.15", "0.075", "0.60"),
    "gpt-4o-2024-08-06": ("2.50", "1.25", "10.00"),
    "gpt-4.1-mini-2025-04-14": ("0.40", "0.10", "1.60"),
    "gpt-5-mini-2025-08-07": ("0.25", "0.025", "2.00"),
    "text-embedding-3-small": ("0.02", "0.02", "0"),
}


class Run:
    def __init__(self, folder: Path) -> None:
        record = folder / "record.jsonl"
        arguments = ["--once", "--queries", str(ONE_ROUND), "--json", "--record", str(record)]
        done = subprocess.run(_demo(*arguments), capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        self.bill: dict[str, Any] = json.loads(done.stdout)
        self.entries = [json.loads(line) for line in record.read_text().splitlines()]
        self.answered = [entry for entry in self.entries if entry["status"] == 200]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("demo"))


def test_calls_and_tokens_equal_the_provider_s_own_record(run: Run) -> None:
    counted = {
        "calls": len(run.answered),
        "input_tokens": sum(entry["usage"]["prompt_tokens"] for entry in run.answered),
        "output_tokens": sum(entry["usage"].get("completion_tokens", 0) for entry in run.answered),
    }
    assert {name: run.bill[name] for name in counted} == counted
    assert run.bill["provider"] == counted


def test_the_cost_is_the_arithmetic_over_the_provider_s_record(run: Run) -> None:
    assert Decimal(run.bill["cost_usd"]) == sum(_usd(entry["model"], entry["usage"]) for entry in run.answered)
    assert run.bill["priced_share"] == 1.0


def test_every_query_is_one_trace_and_no_span_is_lost(run: Run) -> None:
    assert [run.bill[name] for name in ("queries", "traces", "dropped_spans")] == [ONE_ROUND, ONE_ROUND, 0]


def test_the_frameworks_add_up_to_the_bill(run: Run) -> None:
    frameworks = run.bill["by_framework"]
    assert set(frameworks) == {"langchain", "langgraph", "llama_index"}
    for name in ("calls", "input_tokens", "output_tokens"):
        assert sum(framework[name] for framework in frameworks.values()) == run.bill[name]
    assert sum(Decimal(framework["cost_usd"]) for framework in frameworks.values()) == Decimal(run.bill["cost_usd"])


def test_the_run_has_what_makes_bills_hard(run: Run) -> None:
    chats = [entry["usage"] for entry in run.answered if entry["kind"] == "chat"]
    assert {entry["stream"] for entry in run.answered} == {True, False}
    assert any(usage["prompt_tokens_details"]["cached_tokens"] for usage in chats)
    assert any(usage["completion_tokens_details"]["reasoning_tokens"] for usage in chats)
    assert {entry["status"] for entry in run.entries} > {200}


@pytest.fixture
def running_demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "SPANMETER_DATA_DIR": f"{tmp_path}/data", "SPANMETER_SPOOL_DIR": f"{tmp_path}/spool"}
    with subprocess.Popen(
        _demo("--queries", "2"), env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as demo:
        yield demo
        demo.kill()


def test_budgets_and_caches_have_figures_and_ctrl_c_stops_everything_quickly(
    running_demo: subprocess.Popen[str],
) -> None:
    addresses = _addresses(running_demo)
    api = addresses["Sidecar"].removesuffix("/cost?group_by=model")
    assert _shown(f"{api}/budgets", "name", "action") == [("index-daily", "warn"), ("rag-answers", "stop")]
    assert _shown(f"{api}/caches", "cache") == [("answers",), ("vectors",)]
    children = _children(running_demo.pid)
    assert httpx.get(addresses["Cost explorer"], trust_env=False).is_success
    assert len(children) == 4
    started = time.monotonic()
    running_demo.send_signal(signal.SIGINT)
    assert running_demo.wait(30) == 0
    assert time.monotonic() - started < 15
    assert [child for child in children if Path(f"/proc/{child}").exists()] == []


def test_a_part_that_dies_is_named_and_the_others_are_stopped(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("a file where a directory should be")
    demo = subprocess.run(
        _demo("--queries", "1"),
        env={**os.environ, "SPANMETER_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (demo.returncode, demo.stdout) == (1, "")
    assert "spanmeter demo: sidecar ended with status" in demo.stderr
    assert "expected a directory, and this is a file" in demo.stderr


def _demo(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "spanmeter_collector", "demo", *arguments]


def _usd(model: str, usage: Mapping[str, Any]) -> Decimal:
    full, reduced, written = (Decimal(price) for price in USD_PER_MILLION_TOKENS[model])
    cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    fresh, output = usage["prompt_tokens"] - cached, usage.get("completion_tokens", 0)
    return Decimal(fresh * full + cached * reduced + output * written) / 1_000_000


def _shown(url: str, *names: str) -> list[tuple[str, ...]]:
    rows = httpx.get(url, trust_env=False).raise_for_status().json()["rows"]
    return sorted(tuple(row[name] for name in names) for row in rows)


def _addresses(demo: subprocess.Popen[str]) -> dict[str, str]:
    addresses: dict[str, str] = {}
    assert demo.stdout is not None
    for line in demo.stdout:
        name, _, url = line.strip().rpartition("  ")
        if url.startswith("http"):
            addresses[name.strip()] = url
        if "Local provider" in addresses:
            break
    return addresses


def _children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
