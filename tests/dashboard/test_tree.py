from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from spanmeter_dashboard.answers import Step, Sums
from spanmeter_dashboard.tree import branches

StepMaker = Callable[..., Step]


@pytest.mark.parametrize(
    ("parents", "expected"),
    [
        pytest.param({"a": "", "b": "a", "c": "b", "d": "a"}, [("a", 0), ("b", 1), ("c", 2), ("d", 1)], id="tree"),
        pytest.param({"b": "gone", "c": "b"}, [("b", 0), ("c", 1)], id="missing parent"),
        pytest.param({"a": "", "x": "y", "y": "x"}, [("a", 0), ("x", 0), ("y", 0)], id="circle"),
        pytest.param({}, [], id="nothing"),
    ],
)
def test_every_step_stands_once_below_its_parent(
    step: StepMaker, parents: dict[str, str], expected: list[tuple[str, int]]
) -> None:
    placed = branches([step(name, parent) for name, parent in parents.items()])
    assert [(branch.step.span_id, branch.depth) for branch in placed] == expected


def test_a_step_sums_up_everything_below_it(step: StepMaker) -> None:
    def spent(usd: str) -> Sums:
        return Sums(calls=1, input_tokens=10, cost_usd=Decimal(usd))

    steps = [step("a"), step("b", "a"), step("c", "b", sums=spent("1")), step("d", "a", sums=spent("2"))]
    sums = {branch.step.span_id: (branch.below.calls, branch.below.cost_usd) for branch in branches(steps)}
    assert sums == {"a": (2, Decimal(3)), "b": (1, Decimal(1)), "c": (1, Decimal(1)), "d": (1, Decimal(2))}
