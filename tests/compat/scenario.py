"""Tests of tables of scenarios: what each runs, and the paths of spans that come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

Scenarios = Mapping[str, tuple[Callable[[Any], Any], list[str]]]
Test = Callable[..., Any]


def of_threads(scenarios: Scenarios) -> Test:
    """Return a test that runs each scenario and counts."""

    @pytest.mark.parametrize(("run", "paths"), scenarios.values(), ids=scenarios)
    def test(run: Callable[[Any], Any], paths: list[str], app: Any, counted: Any) -> None:
        with counted(*paths):
            run(app)

    return cast("Test", test)


def of_tasks(scenarios: Scenarios) -> Test:
    """Return a test that awaits each scenario and counts."""

    @pytest.mark.parametrize(("run", "paths"), scenarios.values(), ids=scenarios)
    async def test(run: Callable[[Any], Any], paths: list[str], app: Any, counted: Any) -> None:
        with counted(*paths):
            await run(app)

    return cast("Test", test)
