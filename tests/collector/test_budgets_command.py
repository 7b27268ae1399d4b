"""`spanmeter budgets` in the terminal, whole."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from spanmeter_collector.cli import main


@pytest.fixture
def budgeted(start_sidecar: Any) -> Any:
    """A sidecar with three budgets."""
    sidecar = start_sidecar()
    for name, told in {
        "acme": {"limit_usd": "10", "period": "total", "scope": {"tenant": "acme", "plan": "gold"}},
        "each": {"limit_usd": "0.05", "period": "request", "action": "warn"},
        "spent": {"limit_usd": "2", "period": "total"},
    }.items():
        assert httpx.put(f"{sidecar.http}/api/v1/budgets/{name}", json=told).status_code == 200
    for name, spent in (("acme", "2.5"), ("spent", "2.25")):
        told = {"holder": "h", "spent_usd": spent, "reserved_usd": "0.125", "stopped_calls": 3, "downgraded_calls": 1}
        assert httpx.post(f"{sidecar.http}/api/v1/budgets/{name}/lease", json=told).status_code == 200
    return sidecar


def test_the_terminal_shows_every_budget_and_json_is_the_sidecars_answer(
    budgeted: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert main(["budgets", "--url", budgeted.http]) == 0
    table = """\
budget  for                         each limit spent share  reserved  an hour lasts until resets at then stopped
acme    tag.plan=gold, tenant=acme total  $10.00  $2.50   25.0 %   $0.1250  $15.00  WHEN   -          stop  3
each all calls request $0.0500  -            -         -        -  -            -          warn  0
spent   all calls total   $2.00  $2.25  112.5 %   $0.1250  $13.50  it is spent  -          stop  3

acme: 1 call went to another model.
spent: 1 call went to another model.
"""
    shown = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "WHEN", capsys.readouterr().out)
    told = [line.split() for line in shown.splitlines()]
    assert told == [line.split() for line in table.splitlines()]

    assert main(["budgets", "--json", "--url", budgeted.http]) == 0
    everything = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in everything["rows"]] == ["acme", "each", "spent"]
    assert main(["budgets", "acme", "--json", "--url", budgeted.http]) == 0
    alone, among = json.loads(capsys.readouterr().out), everything["rows"][0]
    assert alone | {"exhausts_at": None} == among | {"exhausts_at": None}
    assert main(["budgets", "nobody", "--url", budgeted.http]) == 1
    assert capsys.readouterr().err.endswith("there is no budget 'nobody'; there are: acme, each, spent\n")


def test_without_budgets_it_says_how_to_define_one(sidecar: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for row in httpx.get(f"{sidecar.http}/api/v1/budgets").json()["rows"]:
        httpx.delete(f"{sidecar.http}/api/v1/budgets/{row['name']}")
    assert main(["budgets", "--url", sidecar.http]) == 0
    assert capsys.readouterr().out == (
        "No budget is defined. Define one in code with spanmeter.Budget, or in the file of SPANMETER_BUDGETS.\n"
    )
