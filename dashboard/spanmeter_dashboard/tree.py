"""A trace's steps as a tree in reading order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from spanmeter_dashboard.answers import Step, Sums, add


@dataclass(frozen=True, slots=True)
class Branch:
    """A step, how deep it stands, and what it and every step below it used together."""

    step: Step
    depth: int
    below: Sums


def branches(steps: Sequence[Step]) -> tuple[Branch, ...]:
    """Every step once, each before the steps below it; one whose parent is missing stands at the root."""
    children = _children(steps)
    reached = list(_walk(children, ""))
    seen = {step.span_id for step, _ in reached}
    reached += [(step, 0) for step in steps if step.span_id not in seen]
    totals = _totals(reached)
    return tuple(Branch(step, depth, totals[step.span_id]) for step, depth in reached)


def _children(steps: Sequence[Step]) -> Mapping[str, list[Step]]:
    known = {step.span_id for step in steps}
    children: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        children[step.parent_span_id if step.parent_span_id in known else ""].append(step)
    return children


def _walk(children: Mapping[str, list[Step]], root: str) -> Iterator[tuple[Step, int]]:
    waiting = [(step, 0) for step in reversed(children.get(root, []))]
    while waiting:
        step, depth = waiting.pop()
        yield step, depth
        waiting += [(child, depth + 1) for child in reversed(children.get(step.span_id, []))]


def _totals(ordered: Sequence[tuple[Step, int]]) -> dict[str, Sums]:
    totals: dict[str, Sums] = {}
    open_sums: dict[int, list[Sums]] = defaultdict(list)
    for step, depth in reversed(ordered):
        totals[step.span_id] = add([step.sums, *open_sums.pop(depth + 1, [])])
        open_sums[depth].append(totals[step.span_id])
    return totals
