"""Processes that share a budget through a sidecar."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from spanmeter.budget.account import Account
from spanmeter.budget.budgets import Budgets
from spanmeter.budget.door import Told
from spanmeter.budget.leasing import FIRST_AWAY_S, Leasing, Share
from spanmeter.budget_definition import BudgetDefinition
from spanmeter.destination import Destination

SPENDER = Path(__file__).with_name("spender.py")
CALL_USD = Decimal("0.000325")  # 100 tokens at 1.25 and 20 at 10 USD per million
LIMIT_USD = Decimal("0.013")
CALLS = 40


@pytest.fixture
def sidecar(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A sidecar, with the file of budgets that the test names."""
    (tmp_path / "budgets.toml").write_text(getattr(request, "param", ""))
    told = {
        "LISTEN": "127.0.0.1:0",
        "GRPC_LISTEN": "127.0.0.1:0",
        "DATA_DIR": str(tmp_path / "data"),
        "BUDGETS": str(tmp_path / "budgets.toml"),
    }
    environment = {"PATH": os.environ["PATH"], **{f"SPANMETER_{name}": value for name, value in told.items()}}
    command = [sys.executable, "-m", "spanmeter_collector", "collector"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        ready = next(json.loads(line) for line in process.stderr if '"message": "ready"' in line)
        yield f"http://{ready['http']}"
        process.terminate()


@pytest.fixture
def spenders(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    record, begun = tmp_path / "record", []
    record.touch()

    def begin(url: str, *options: str, **told: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(SPENDER), url, str(record), *options]
        begun.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | told))
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def _budget(sidecar: str) -> Any:
    return httpx.get(f"{sidecar}/api/v1/budgets/shared", trust_env=False, timeout=30).json()


def test_four_processes_and_one_that_is_killed_use_up_one_budget(
    sidecar: str, spenders: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    holder = spenders(sidecar, "1", "hold")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "holding\n"
    assert Decimal(_until(sidecar, lambda budget: Decimal(budget["reserved_usd"]) > 0)["spent_usd"]) == 0
    holder.kill()
    said = [spender.communicate(timeout=120)[0] for spender in [spenders(sidecar, "50") for _ in range(4)]]
    answered = sum(int(line.removeprefix("answered ")) for line in said)
    asked = (tmp_path / "record").stat().st_size - 1
    _until(sidecar, lambda budget: Decimal(budget["spent_usd"]) == answered * CALL_USD)
    assert asked == answered
    assert CALLS <= answered <= CALLS + 4  # at most one call in each process is not covered when it begins


@pytest.mark.parametrize("sidecar", ['[budgets.shared]\nlimit_usd = "0.00325"'], indirect=True)
@pytest.mark.parametrize("option", ["theirs", "ours"])
def test_a_budget_of_the_sidecars_file_holds_and_goes_before_one_of_code(
    sidecar: str, spenders: Callable[..., subprocess.Popen[str]], option: str
) -> None:
    assert spenders(sidecar, "20", option).communicate(timeout=120)[0] == "answered 10\n"


@pytest.mark.parametrize(("away", "answered"), [("allow", CALLS), ("stop", 0)])
def test_without_a_sidecar_the_users_policy_holds(
    spenders: Callable[..., subprocess.Popen[str]], away: str, answered: int
) -> None:
    assert spenders("http://127.0.0.1:9", "50", away).communicate(timeout=120)[0] == f"answered {answered}\n"


def test_a_budget_that_is_shared_again_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    share = Share(Account(BudgetDefinition.of("daily", {"limit_usd": "1"})))
    share.is_told_away, share.away_s = True, 4.0
    with caplog.at_level(logging.INFO, "spanmeter.budget"):
        share.came_back()
        share.came_back()
    assert [record.getMessage() for record in caplog.records] == ["budget 'daily' is shared again"]
    assert share.away_s == FIRST_AWAY_S


@pytest.mark.parametrize(("status", "pause_s"), [(0, 10), (503, 10), (200, 60), (404, 60)])
def test_a_sidecar_that_could_not_answer_is_asked_for_its_budgets_again_soon(
    monkeypatch: pytest.MonkeyPatch, status: int, pause_s: int
) -> None:
    leasing = Leasing(Budgets(), Destination.of("traces", "http://127.0.0.1:9"))
    monkeypatch.setattr(leasing, "_ask", lambda _: Told(status, {}))
    leasing._look()
    assert leasing._look_s - time.monotonic() == pytest.approx(pause_s, abs=1)


def test_a_budget_that_is_closed_gives_back_and_stays_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Budgets()
    asked: list[tuple[str, str, str, object]] = []

    def answer(method: str, name: str = "", *, below: str = "", body: dict[str, Any] | None = None) -> Told:
        body = body or {}
        asked.append((method, name, below, body.get("release")))
        rows = [{"name": known, "limit_usd": "1"} for known in ("daily", "theirs")]
        return Told(200, {"rows": rows, "granted_usd": "1", "period": body.get("period")})

    leasing = Leasing(ours, Destination.of("traces", "http://127.0.0.1:9"))
    monkeypatch.setattr(leasing, "_ask", answer)
    ours.put(Account(BudgetDefinition.of("daily", {"limit_usd": "1"})))
    leasing._round()
    ours.close("daily")
    leasing._look()
    leasing._round()
    assert asked[-1] == ("POST", "daily", "lease", True)
    assert set(ours.accounts) == {"theirs"}


def test_where_spans_go_elsewhere_budgets_are_shared_by_the_sidecar_that_is_named(
    sidecar: str, spenders: Callable[..., subprocess.Popen[str]]
) -> None:
    spender = spenders("http://127.0.0.1:9", "10", SPANMETER_SIDECAR=sidecar, SPANMETER_SPOOL_MB="0")
    assert spender.communicate(timeout=120)[0] == "answered 10\n"
    assert Decimal(_budget(sidecar)["spent_usd"]) == 10 * CALL_USD


def _until(sidecar: str, holds: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 60
    while not holds(budget := _budget(sidecar)):
        assert time.monotonic() < deadline, budget
        time.sleep(0.1)
    return budget
