"""Thresholds: which shares of their limits budgets have reached, noted in the store so that each is told once.

Of several sidecars on one server the one tells whose note is found first in the order of names, after a moment in
which the notes of all that saw it at the same time have come in.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from spanmeter_collector.budget import BudgetTime, milliseconds
from spanmeter_collector.leases import CLOCK, Clock
from spanmeter_collector.store import Store

_MOMENT_S: Final = 0.5
_MOST_KEPT: Final = 10_000


class Thresholds:
    """What was reached, by budget and period; a period's notes stay when the sidecar starts again."""

    def __init__(self, store: Store, *, clock: Clock = CLOCK, pause: Callable[[float], None] = time.sleep) -> None:
        self._store = store
        self._clock = clock
        self._pause = pause
        self._is_shared = store.directory is None
        self._name = uuid.uuid4().hex
        self._known: dict[tuple[str, str, int], dict[Decimal, str]] = {}

    def reached(self, time: BudgetTime) -> dict[Decimal, str]:
        """The thresholds that were reached in a period, and who tells of each."""
        if self._is_shared or time.key not in self._known:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            rows = self._store.query("budget_thresholds", time.parameters)
            self._known[time.key] = {row["threshold"].normalize(): row["collector"] for row in rows}
        return self._known[time.key]

    def news(self, time: BudgetTime, share: Decimal) -> Iterator[Decimal]:
        """Note what is reached now, at this share of the limit, and give what is ours to tell, the least first."""
        for threshold in time.budget.definition.thresholds:
            known = self._known.get(time.key, {})
            if share >= threshold and threshold.normalize() not in known and self._is_ours(time, threshold):
                yield threshold

    def _is_ours(self, time: BudgetTime, threshold: Decimal) -> bool:
        key = threshold.normalize()
        if key in self.reached(time):
            return False
        crossed_at = milliseconds(self._clock.now())
        note = {**time.parameters, "threshold": str(threshold), "collector": self._name, "crossed_at": crossed_at}
        self._store.note("note_threshold", note)
        if not self._is_shared:
            self._known[time.key][key] = self._name
            return True
        self._pause(_MOMENT_S)
        return self.reached(time).get(key) == self._name
