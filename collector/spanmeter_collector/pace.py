"""The pace of budgets: what holders told of in the last hour, which the ledger learns of only with their spans."""

from __future__ import annotations

import threading
from collections import deque
from datetime import timedelta
from decimal import Decimal
from typing import Final

from spanmeter_collector.budget import BudgetTime
from spanmeter_collector.lease import ZERO
from spanmeter_collector.leases import CLOCK, Clock

LATELY: Final = timedelta(hours=1)
_APART_S: Final = 60.0
_MOST_KEPT: Final = 10_000

Marks = deque[tuple[float, Decimal]]


class Pace:
    """What was spent of each budget at most a minute apart, for an hour. Safe to share between threads.

    It begins with the sidecar: what was spent in periods before that is not known to be of the last hour.
    """

    def __init__(self, *, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._began = clock.now()
        self._lock = threading.Lock()
        self._marks: dict[tuple[str, str, int], Marks] = {}

    def note(self, time: BudgetTime, spent: Decimal) -> None:
        """Know what is spent in a period by now."""
        at = self._clock.elapsed()
        with self._lock:
            marks = self._marks.get(time.key)
            if marks is None:
                if len(self._marks) >= _MOST_KEPT:
                    self._marks.clear()
                is_new = max(time.period.start, time.budget.created_at) >= self._began
                self._marks[time.key] = deque([(at, ZERO if is_new else spent)])
            elif at - marks[-1][0] >= _APART_S:
                marks.append((at, spent))
                _forget(marks, at)

    def lately(self, time: BudgetTime, spent: Decimal) -> Decimal:
        """How much of what is spent now was within the last hour, as far as is known."""
        with self._lock:
            marks = self._marks.get(time.key)
            if marks is None:
                return ZERO
            _forget(marks, self._clock.elapsed())
            return max(spent - marks[0][1], ZERO)


def _forget(marks: Marks, at: float) -> None:
    """Keep the latest mark that is an hour old, and those after it."""
    while len(marks) > 1 and at - marks[1][0] >= LATELY.total_seconds():
        marks.popleft()
