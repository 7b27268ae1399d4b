from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

LEDGER = 'job="spanmeter",instance="a",service="shop",provider="openai",model="gpt-4o",component="input"'


def selectors(expr: Any, inside: str = "") -> Iterator[tuple[Any, str]]:
    """Every selector of the expression with the innermost function around it."""
    if isinstance(expr, promql_parser.VectorSelector):
        yield expr, inside
        return
    if isinstance(expr, promql_parser.Call):
        inside = expr.func.name
    for attribute in ("expr", "lhs", "rhs", "vector_selector"):
        if hasattr(expr, attribute):
            yield from selectors(getattr(expr, attribute), inside)
    for argument in getattr(expr, "args", ()):
        yield from selectors(argument, inside)


@pytest.fixture(scope="session")
def parsed(targets: list[Any], everything: dict[str, str], view: Callable[..., Any]) -> list[tuple[str, Any, str]]:
    filled = view(chosen=everything)
    return [
        (target.panel, selector, inside)
        for target in targets
        for selector, inside in selectors(promql_parser.parse(filled.fill(target.expr)))
    ]


def test_every_query_follows_the_job_and_instance_menus(targets: list[Any]) -> None:
    for target in targets:
        names = [selector.matchers.matchers for selector, _ in selectors(promql_parser.parse(marked(target.expr)))]
        for matchers in names:
            assert {"job": "MENU", "instance": "MENU"}.items() <= {m.name: m.value for m in matchers}.items()


def marked(expr: str) -> str:
    for window in ("$__range", "$__rate_interval", "$__interval"):
        expr = expr.replace(window, "1m")
    return expr.replace("$job", "MENU").replace("$instance", "MENU")


def test_counters_are_rates_or_exact_differences(parsed: list[tuple[str, Any, str]]) -> None:
    counters = [(selector, inside) for _, selector, inside in parsed if selector.name.endswith(("_total", "_bucket"))]
    around = {inside or f"offset {selector.offset}" for selector, inside in counters}

    assert around == {"rate", "last_over_time", "min_over_time", "offset 1:00:00"}


def test_rates_take_the_window_grafana_computes_from_the_scrape_interval(targets: list[Any]) -> None:
    windows = {
        part.split("]")[0] for target in targets for part in target.expr.split("[")[1:] if "rate(" in target.expr
    }

    assert windows == {"$__rate_interval", "$__range"}
    assert [target.panel for target in targets if "rate(" in target.expr and "[$__range]" in target.expr] == [
        "p95 of answers"
    ]


@pytest.fixture(scope="session")
def spend_in_range(targets: list[Any], everything: dict[str, str], view: Callable[..., Any]) -> str:
    expr = next(target.expr for target in targets if target.panel == "Spend in range")
    return str(view(range_s=600, interval_s=240, scrape_s=60, chosen=everything).fill(expr))


@pytest.mark.prometheus
@pytest.mark.parametrize(
    ("series", "up", "spent"),
    [
        pytest.param("_x5 0.5x2 0.75x10", "1x20", 0.75, id="born in the range counts from zero"),
        pytest.param("8x5 8.5x10", "1x20", 0.5, id="an old ledger counts from where it was"),
        pytest.param("8 8.25 8.5x20", "1x20", 0.25, id="the range begins where the menu says, not at the next step"),
        pytest.param(
            "_x5 8x3 8.25x10", "_x5 1x20", 0.25, id="what was spent before the first scrape is not in the range"
        ),
        pytest.param("8x5 _x3 8.5x10", "1x5 0x3 1x20", 0.5, id="a sidecar that was away goes on counting"),
        pytest.param("8x5 8.5 _x10", "1x6 0x10", 0.5, id="a sidecar that is away keeps what it reported"),
    ],
)
def test_spend_in_range_is_exact(series: str, up: str, spent: float, spend_in_range: str, tmp_path: Path) -> None:
    reported = {f"spanmeter_cost_usd_total{{{LEDGER}}}": series, 'up{job="spanmeter",instance="a"}': up}
    expected = {"expr": spend_in_range, "eval_time": "11m", "exp_samples": [{"labels": "{}", "value": spent}]}
    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in reported.items()],
        "promql_expr_test": [expected],
    }
    (tmp_path / "case.yaml").write_text(yaml.safe_dump({"tests": [case]}), encoding="utf-8")

    run = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "case.yaml"], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr
