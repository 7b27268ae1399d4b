"""Every query of the dashboard on a real Prometheus that scrapes a real sidecar with traffic."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.prometheus


@pytest.fixture(scope="module")
def chosen(scene: Any, variables: dict[str, dict[str, Any]], view: Callable[..., Any]) -> dict[str, str]:
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


def test_every_menu_offers_what_was_sent(scene: Any, chosen: dict[str, str]) -> None:
    assert chosen == {
        "job": "(spanmeter)",
        "instance": f"({escaped(scene.sidecar.removeprefix('http://'))})",
        "service": "(search|shop)",
        "provider": "(openai)",
        "model": "(gpt-4o|gpt-4o-mini|house-model|text-embedding-3-small)",
        "requested_model": "(gpt-4o|gpt-4o-mini|house-model|text-embedding-3-small)",
    }


def _found(scene: Any, query: str, *, instant: bool) -> Any:
    """Its series; asked again where nothing comes, for a scrape that a busy machine was late with leaves a gap."""
    for _ in range(20):
        if series := scene.series(query, instant=instant):
            return series
        time.sleep(0.5)
    return []


@pytest.mark.parametrize("menus", ["all", "each value"])
def test_every_panel_has_data(
    menus: str, scene: Any, targets: list[Any], request: pytest.FixtureRequest, view: Callable[..., Any]
) -> None:
    choice = request.getfixturevalue("everything" if menus == "all" else "chosen")
    filled = view(range_s=scene.range_s, interval_s=1, scrape_s=1, chosen=choice)

    for target in targets:
        series = _found(scene, filled.fill(target.expr), instant=target.instant)
        assert series, f"{target.panel} is empty: {target.expr}"
        for labels, values in series:
            assert not all(map(math.isnan, values)), f"{target.panel}: {labels}"
            assert set(re.findall(r"{{(\w+)}}", target.legend)) <= set(labels), (
                f"{target.panel} has a line without a name"
            )


def test_figures_in_range_are_what_the_cost_explorer_says(
    scene: Any, targets: list[Any], everything: dict[str, str], view: Callable[..., Any]
) -> None:
    filled = view(range_s=scene.range_s, interval_s=1, scrape_s=1, chosen=everything)
    shown = {
        target.panel: scene.value(filled.fill(target.expr))
        for target in targets
        if target.panel in {"Spend in range", "Calls in range", "Failed share", "Unpriced calls"}
    }

    total = httpx.get(f"{scene.sidecar}/api/v1/cost").json()["total"]

    assert (total["calls"], total["failed_calls"], total["unpriced_calls"]) == (
        scene.answered,
        scene.failed,
        scene.unpriced,
    )
    assert shown == pytest.approx(
        {
            "Spend in range": float(total["cost_usd"]),
            "Calls in range": scene.answered,
            "Failed share": scene.failed / (scene.answered + scene.failed),
            "Unpriced calls": scene.unpriced,
        },
        rel=1e-9,
    )


def test_every_metric_and_label_is_one_the_sidecar_exposes(
    scene: Any, targets: list[Any], everything: dict[str, str], view: Callable[..., Any], grafana: Path
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


def test_every_rule_evaluates_and_records(scene: Any) -> None:
    rules = [rule for group in scene.ask("rules")["groups"] for rule in group["rules"]]

    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
    for rule in rules:
        if rule["type"] == "recording":
            assert scene.series(rule["name"], instant=True), rule["name"]


def test_the_model_without_a_price_and_nothing_else_raises_an_alert(scene: Any) -> None:
    fired = 'last_over_time(ALERTS{alertstate="firing"}[10m])'
    deadline = time.monotonic() + 30
    while not (firing := [one["metric"] for one in scene.ask("query", query=fired)["result"]]):
        assert time.monotonic() < deadline, "no alert fires"
        time.sleep(0.5)

    assert [(labels["alertname"], labels["model"]) for labels in firing] == [("SpanmeterUnpricedCalls", "house-model")]


def test_a_service_whose_cost_is_unknown_is_not_shown_as_free(
    scene: Any, targets: list[Any], everything: dict[str, str], view: Callable[..., Any]
) -> None:
    filled = view(range_s=scene.range_s, interval_s=1, scrape_s=1, chosen=everything)
    columns = [filled.fill(target.expr) for target in targets if target.panel == "Top services"]

    services = [{row["metric"]["service"] for row in scene.ask("query", query=column)["result"]} for column in columns]

    assert services == [{"shop"}, *[{"search", "shop"}] * 4]
