from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

RULE_FILES = ("recording", "alerts")
RUNBOOK = "https://github.com/spanmeter/spanmeter/blob/main/grafana/runbook.md"


@pytest.fixture(scope="session")
def rules(grafana: Path) -> list[dict[str, Any]]:
    read = [yaml.safe_load((grafana / "rules" / f"{name}.yaml").read_text(encoding="utf-8")) for name in RULE_FILES]
    return [rule for file in read for group in file["groups"] for rule in group["rules"]]


@pytest.fixture(scope="session")
def alerts(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for rule in rules if "alert" in rule]


def promtool(*arguments: str | Path) -> str:
    run = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.mark.prometheus
@pytest.mark.parametrize(("name", "count"), [("recording", 8), ("alerts", 10)])
def test_prometheus_accepts_the_rules(name: str, count: int, grafana: Path) -> None:
    said = promtool("check", "rules", "--lint=all", "--lint-fatal", grafana / "rules" / f"{name}.yaml")

    assert f"SUCCESS: {count} rules found" in said


@pytest.mark.prometheus
@pytest.mark.parametrize("name", RULE_FILES)
def test_the_rules_do_what_their_unit_tests_say(name: str, grafana: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", grafana / "rules" / "tests" / f"{name}_test.yaml")


def test_recorded_names_say_level_metric_and_operation(rules: list[dict[str, Any]]) -> None:
    names = [rule["record"] for rule in rules if "record" in rule]

    assert [name for name in names if not re.fullmatch(r"[a-z_]+:(spanmeter|gen_ai)_[a-z_]+:[a-z0-9_]+", name)] == []


def test_every_alert_has_a_unit_test(alerts: list[dict[str, Any]], grafana: Path) -> None:
    cases = yaml.safe_load((grafana / "rules" / "tests" / "alerts_test.yaml").read_text(encoding="utf-8"))["tests"]
    fired = {test["alertname"] for case in cases for test in case["alert_rule_test"] if test["exp_alerts"]}
    silent = {test["alertname"] for case in cases for test in case["alert_rule_test"] if not test["exp_alerts"]}

    assert fired == {alert["alert"] for alert in alerts}
    assert silent == fired


def test_every_alert_says_how_bad_what_and_what_to_do(alerts: list[dict[str, Any]]) -> None:
    for alert in alerts:
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
        assert all(alert["annotations"].values())


def test_every_runbook_link_leads_to_a_section(alerts: list[dict[str, Any]], grafana: Path) -> None:
    headings = re.findall(r"^## (.+)$", (grafana / "runbook.md").read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert [alert["annotations"]["runbook_url"] for alert in alerts] == [
        f"{RUNBOOK}#{name.lower()}" for name in headings
    ]


def test_the_runbook_names_panels_that_exist(panels: list[dict[str, Any]], grafana: Path) -> None:
    titles = {panel["title"] for panel in panels}
    named = re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", (grafana / "runbook.md").read_text(encoding="utf-8"))

    assert named
    assert [name for name in named if name not in titles | {"unknown"}] == []


def test_the_provisioned_data_source_is_the_compose_files_prometheus(grafana: Path) -> None:
    file = grafana / "provisioning" / "datasources" / "prometheus.yaml"
    scraped = yaml.safe_load((grafana.parent / "deploy" / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))

    (source,) = yaml.safe_load(file.read_text(encoding="utf-8"))["datasources"]

    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert source["jsonData"]["timeInterval"] == scraped["global"]["scrape_interval"]
