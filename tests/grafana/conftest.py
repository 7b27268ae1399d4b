"""The committed dashboard, and its queries with Grafana's variables filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

GRAFANA = Path(__file__).parents[2] / "grafana"


@dataclass(frozen=True, slots=True)
class Target:
    """One query of one panel, as it stands in the JSON."""

    panel: str
    kind: str
    expr: str
    instant: bool

    @property
    def id(self) -> str:
        return f"{self.panel}: {self.expr[:40]}"


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
        Target(panel["title"], panel["type"], target["expr"], instant=target.get("instant", False))
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
