"""The money of one period of a budget, or of one request, in this process."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from spanmeter.budget_definition import BudgetDefinition
from spanmeter.budget_period import period_at

FOREVER: Final = float("inf")
MAX_PERIODS: Final = 32
MAX_REQUESTS: Final = 10_000


class Sums:
    """What was spent and what calls under way have reserved, in trillionths of a dollar; seconds since 1970.

    `elsewhere` was spent by others: the sidecar told it, or the process that forked this one. `passed` counts the
    thresholds that were told of, `reported` what the sidecar knows of `spent`; `told` says that a stop was.
    """

    __slots__ = (
        "__weakref__",
        "calls",
        "elsewhere",
        "ends_s",
        "passed",
        "reported",
        "reserved",
        "since",
        "spent",
        "starts_s",
        "told",
    )

    def __init__(self, starts_s: float = 0.0, ends_s: float = FOREVER, since: datetime | None = None) -> None:
        self.starts_s = starts_s
        self.ends_s = ends_s
        self.since = since
        self.spent = 0
        self.reserved = 0
        self.calls = 0
        self.elsewhere = 0
        self.passed = 0
        self.reported = 0
        self.told = False

    @property
    def ends_at(self) -> datetime | None:
        """When the period ends."""
        return None if self.ends_s == FOREVER else datetime.fromtimestamp(self.ends_s, UTC)


class Periods:
    """The sums of the period that the wall clock shows, and of those around it.

    A clock that is set back finds the sums of the period it is back in: no period begins twice with nothing spent.
    """

    def __init__(self, definition: BudgetDefinition, wall: Callable[[], float]) -> None:
        self._definition = definition
        self._wall = wall
        self._known: OrderedDict[float, Sums] = OrderedDict()
        self.current = Sums(0.0, 0.0)

    def now(self) -> Sums:
        """The sums of the present period."""
        now_s, sums = self._wall(), self.current
        if not sums.starts_s <= now_s < sums.ends_s:
            self.current = sums = self._at(now_s)
        return sums

    def forked(self) -> Periods:
        """The same for a process that was forked: what was spent before, others spent."""
        child, sums = Periods(self._definition, self._wall), self.current
        begun = child.now()
        if begun.starts_s == sums.starts_s:
            begun.elsewhere = sums.elsewhere + sums.spent
            begun.passed = sums.passed
        return child

    @property
    def known(self) -> tuple[Sums, ...]:
        """The sums of all periods that are kept, the oldest first."""
        return tuple(self._known.values())

    def _at(self, now_s: float) -> Sums:
        moment, definition = datetime.fromtimestamp(now_s, UTC), self._definition
        epoch = datetime.fromtimestamp(0, UTC)
        period = period_at(moment, definition.period, timezone=definition.timezone, since=epoch)
        starts_s = period.start.timestamp()
        ends_s = FOREVER if period.end is None else period.end.timestamp()
        sums = self._known.setdefault(starts_s, Sums(starts_s, ends_s, period.start))
        while len(self._known) > MAX_PERIODS:
            self._known.popitem(last=False)
        return sums


class Requests:
    """The sums of each request: of a `measure` block as long as its bill lives, of the latest traces otherwise."""

    def __init__(self) -> None:
        self._bills: weakref.WeakKeyDictionary[object, Sums] = weakref.WeakKeyDictionary()
        self._traces: OrderedDict[int, Sums] = OrderedDict()

    def of(self, request: object) -> Sums:
        """The sums of a request that a bill or the number of a trace stands for; with neither, new ones."""
        if request is None:
            return Sums()
        if not isinstance(request, int):
            return self._bills.setdefault(request, Sums())
        sums = self._traces.get(request)
        if sums is None:
            self._traces[request] = sums = Sums()
            if len(self._traces) > MAX_REQUESTS:
                self._traces.popitem(last=False)
        return sums

    def bind(self, trace: int, sums: Sums) -> None:
        """Have a trace that has just begun go on with the sums of its first call."""
        self._traces.setdefault(trace, sums)
