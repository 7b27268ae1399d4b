"""What the ledger holds for a budget: sums by scope and period, kept for a while, and how fast money goes."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import Final

from spanmeter_collector.budget import Budget, BudgetTime
from spanmeter_collector.clauses import filtered
from spanmeter_collector.rollup import LEDGER, Source, chosen, rolled_up, stored
from spanmeter_collector.selection import CHARGES, Selection
from spanmeter_collector.store import Store
from spanmeter_collector.times import Period

_FOR_EVER: Final = datetime(2200, 1, 1, tzinfo=UTC)
_MOST_KEPT: Final = 10_000
_MODEL: Final = "model"


@dataclass(frozen=True, slots=True)
class Spent:
    """US dollars of the calls with a known price, and how many have none."""

    usd: Decimal
    unpriced_calls: int


class BudgetLedger:
    """Answers from the ledger's rollups where these know the scope, else from its entries. Safe to share."""

    def __init__(self, store: Store, *, elapsed: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str, int], tuple[float, Spent]] = {}

    def spent(self, time: BudgetTime, *, most_old_s: float) -> Spent:
        """What was spent in a period, as the ledger had it up to `most_old_s` ago."""
        asked_at = self._elapsed()
        known = self._known.get(time.key)
        if known is not None and asked_at - known[0] <= most_old_s:
            return known[1]
        spent = self._ask(time.budget, Period(since=time.period.start, until=time.period.end or _FOR_EVER))
        with self._lock:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[time.key] = (asked_at, spent)
        return spent

    def since(self, time: BudgetTime, since: datetime, now: datetime) -> Decimal:
        """What the ledger has of a budget from a time of its period until now."""
        return self._ask(time.budget, Period(since=since, until=max(now, since + timedelta(seconds=1)))).usd

    def _ask(self, budget: Budget, period: Period) -> Spent:
        scope = budget.definition.scope
        filters = {name: (value,) for name, value in scope.items() if name != _MODEL}
        clauses, source = filtered(Selection(period, {}, filters=filters), CHARGES), _source(scope, period)
        parameters = {**clauses.parameters, **source.parameters, "models": _models(scope)}
        rows = self._store.query("budget_spent", parameters, {**clauses.fragments, **source.fragments})
        return Spent(rows[0]["usd"], rows[0]["unpriced_calls"])


def _source(scope: Mapping[str, str], period: Period) -> Source:
    names = [*scope, _MODEL]
    rollup = chosen(LEDGER, names, period)
    if rollup is None:
        return stored("charges", period)
    return rolled_up(rollup, period, names, ("time", *rollup.dimensions, "usd", "unpriced_calls"))


def _models(scope: Mapping[str, str]) -> str:
    """A budget names the model that was asked for, the ledger the one that answered: the same, or dated."""
    if _MODEL not in scope:
        return ""
    return f"^{re.escape(scope[_MODEL])}(-[0-9]{{4}}-?[0-9]{{2}}-?[0-9]{{2}})?$"
