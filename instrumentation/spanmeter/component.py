"""`summary`: how often each component of the application ran and how long it took.

A component is what has a span: a tracked function, a call, or a step of a framework.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from typing import Final

from spanmeter.ending import Ending
from spanmeter.fork import in_child
from spanmeter.opening import Opening
from spanmeter.settling import settling
from spanmeter.sketch import Sketch, merged

MAX_COMPONENTS: Final = 500
"""Further ones share one row, so that names made at run time fill no memory."""
OVERFLOW: Final = ("", "other", "(other)")

Key = tuple[str, str, str]
"""Framework, operation, name."""


@dataclass(frozen=True, slots=True)
class Component:
    """One row: what ran, how often, and its durations in seconds, percentiles within one percent.

    `operation` is `track` for the application's own functions, else what the framework did; `frameworks` are those it
    ran in. `failed` of the `count` ended with an error.
    """

    name: str
    operation: str
    frameworks: tuple[str, ...]
    count: int
    failed: int
    total_s: float
    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    max_s: float


@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """Every component that ran, the one with the longest total first; printed or shown in a shell it is a table."""

    rows: tuple[Component, ...]

    def __iter__(self) -> Iterator[Component]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        if not self.rows:
            return "Nothing has run yet."
        lines = [_HEAD, *(_cells(row) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(_aligned(line, widths) for line in lines)

    def __repr__(self) -> str:
        return str(self)

    def component(self, name: str) -> Component | None:
        """Return the row of that name with the longest total, None when nothing of that name ran."""
        return next((row for row in self.rows if row.name == name), None)

    def as_dicts(self) -> list[dict[str, object]]:
        """Return the rows as dictionaries, for JSON or a data frame."""
        names = [field.name for field in fields(Component)]
        return [dict(zip(names, astuple(row), strict=True)) for row in self.rows]


class Components:
    """Counts what ends, sampled or not; a forked process begins with nothing."""

    def __init__(self) -> None:
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        # Reentrant: the collector of garbage ends dropped streams anywhere, also in the middle of `add`.
        self._lock = threading.RLock()
        self._sketches: dict[Key, Sketch] = {}

    def add(self, key: Key, seconds: float, failed: bool) -> None:  # noqa: FBT001  called for every span
        """Count one that ended."""
        with self._lock:
            sketch = self._sketches.get(key)
            if sketch is None:
                sketch = self._opened(key)
            sketch.add(seconds, failed)

    def read(self, *, reset: bool) -> Summary:
        """Return what was counted, and begin anew when asked to: nothing falls between two summaries."""
        with self._lock:
            sketches = self._sketches
            rows = tuple(sorted(_rows(sketches), key=lambda row: (-row.total_s, row.operation, row.name)))
            if reset:
                self._sketches = {}
        return Summary(rows)

    def _opened(self, key: Key) -> Sketch:
        if len(self._sketches) >= MAX_COMPONENTS:
            key = OVERFLOW
        return self._sketches.setdefault(key, Sketch())


components: Final = Components()
"""Of this process."""


def summary(*, reset: bool = False) -> Summary:
    """Return count, total, mean, p50, p95, p99 and maximum of every component of this process since it started.

    Components are what has a span: what `track` measures, and the calls and steps of LangChain, LangGraph and
    LlamaIndex by operation and name, synchronous or not; their durations are the spans' own, and unsampled spans
    count too. A call around another one, which has no tokens of its own either, is left out, and answers from an
    application's cache have a row of their own. `reset` begins anew after this summary. Mean, total and maximum are
    exact, percentiles within one percent.
    """
    settling.now()
    return components.read(reset=reset)


def measure(opening: Opening, ending: Ending) -> None:
    """Count a call that ended; an answer from an application's cache is a component of its own."""
    name = f"{opening.name} (cached)" if ending.answer.cache_hit else opening.name
    components.add((opening.framework, opening.operation, name), ending.duration_s, ending.how == "failed")


def _rows(sketches: Mapping[Key, Sketch]) -> Iterable[Component]:
    grouped: dict[tuple[str, str], dict[str, Sketch]] = {}
    for (framework, operation, name), sketch in sketches.items():
        grouped.setdefault((operation, name), {})[framework] = sketch
    for (operation, name), by_framework in grouped.items():
        yield _row(operation, name, by_framework)


def _row(operation: str, name: str, by_framework: Mapping[str, Sketch]) -> Component:
    whole = merged(by_framework.values())
    return Component(
        name=name,
        operation=operation,
        frameworks=tuple(sorted(filter(None, by_framework))),
        count=whole.count,
        failed=whole.failed,
        total_s=whole.total_s,
        mean_s=whole.total_s / whole.count,
        p50_s=whole.quantile(0.5),
        p95_s=whole.quantile(0.95),
        p99_s=whole.quantile(0.99),
        max_s=whole.max_s,
    )


_HEAD: Final = ("component", "operation", "frameworks", "count", "failed", "total", "mean", "p50", "p95", "p99", "max")
_WORDS: Final = 3
_UNITS: Final = ((1.0, "s", 1.0), (1e-3, "ms", 1e3), (0.0, "us", 1e6))


def _cells(row: Component) -> tuple[str, ...]:
    durations = (row.total_s, row.mean_s, row.p50_s, row.p95_s, row.p99_s, row.max_s)
    words = (row.name, row.operation, ", ".join(row.frameworks))
    return (*words, f"{row.count:,}", f"{row.failed:,}", *map(_duration, durations))


def _duration(seconds: float) -> str:
    _, unit, factor = next(each for each in _UNITS if seconds >= each[0])
    return f"{seconds * factor:,.1f} {unit}"


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = (
        cell.ljust(width) if column < _WORDS else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(padded).rstrip()
