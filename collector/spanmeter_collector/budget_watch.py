"""The watch over budgets: every two seconds it looks how they stand, and tells once of each threshold reached."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

from spanmeter.budget_definition import BudgetDefinition
from spanmeter_collector.budgets import Budgets, Standing
from spanmeter_collector.budgets_gauge import BudgetsCollector
from spanmeter_collector.money import readable_usd, usd_text
from spanmeter_collector.outbox import Message, Outbox
from spanmeter_collector.repeating import repeating
from spanmeter_collector.status import OK, Status
from spanmeter_collector.store import Store
from spanmeter_collector.times import write_time
from spanmeter_collector.webhook import Webhooks

_EVERY_S: Final = 2.0
_SWEPT_EVERY_S: Final = 86_400.0
_MOST_SHARE: Final = 20
"""Looking takes at most a twentieth of the time: the more there is to look at, the longer the pauses."""
_logger = logging.getLogger(__name__)


class BudgetWatch:
    """Looks at every budget, so that the ledger's sums are fresh for leases, and sweeps leases once a day."""

    def __init__(
        self, budgets: Budgets, tell: Callable[[Message], None], *, elapsed: Callable[[], float] = monotonic
    ) -> None:
        self._budgets = budgets
        self._tell = tell
        self._elapsed = elapsed
        self._sweep_at = elapsed()
        self.standing = OK
        """"ok", or why budgets are not looked at."""

    def look(self) -> None:
        """Look once.

        Raises:
            clickhouse_connect.driver.exceptions.Error: the store cannot be asked.
        """
        self._budgets.register.refresh()
        if self._elapsed() >= self._sweep_at:
            self._sweep_at = self._elapsed() + _SWEPT_EVERY_S
            self._budgets.sweep()
        for budget in self._budgets.register.all():
            if budget.is_leased:
                standing = self._budgets.standing(budget, most_old_s=0)
                for threshold in self._budgets.thresholds.news(standing.time, standing.share):
                    self._tell_of(standing, threshold)

    def _tell_of(self, standing: Standing, threshold: Decimal) -> None:
        budget, body = standing.time.budget, _body(standing, threshold)
        _logger.warning("%s", body["text"], extra={"budget": budget.name, "threshold": body["threshold"]})
        if budget.definition.webhook is not None:
            self._tell(Message(budget.name, budget.definition.webhook, body))


def _body(standing: Standing, threshold: Decimal) -> dict[str, object]:
    """What is told: `text` for people, as chat programs show it, and the same as fields."""
    definition, period = standing.time.budget.definition, standing.time.period
    spent, limit = usd_text(standing.spent), usd_text(definition.limit_usd)
    share = f"{threshold * 100:f}".rstrip("0").rstrip(".") if threshold * 100 % 1 else f"{threshold * 100:.0f}"
    amounts = f"{readable_usd(spent)} of {readable_usd(limit)}"
    return {
        "text": f"Budget {definition.name} has reached {share} % of its limit: {amounts} spent",
        "budget": definition.name,
        "threshold": usd_text(threshold),
        "limit_usd": limit,
        "spent_usd": spent,
        "reserved_usd": usd_text(standing.sums.reserved),
        "action": definition.action,
        "scope": dict(definition.scope),
        "period": definition.period,
        "period_start": write_time(period.start),
        "resets_at": None if period.end is None else write_time(period.end),
    }


@contextmanager
def at_work(
    store: Store, definitions: Sequence[BudgetDefinition], status: Status, *, outbox: Path
) -> Iterator[Budgets]:
    """The budgets of a store, watched on a thread of its own and told of in /health, /metrics and by webhooks.

    `outbox` is the folder of messages to webhooks that are not delivered yet.
    """
    budgets, webhooks = Budgets(store, definitions), Webhooks(status.registry, Outbox(outbox))
    watch = BudgetWatch(budgets, webhooks.tell)
    status.tell("budgets", lambda: watch.standing)
    try:
        with repeating(partial(_look_on, watch), name="spanmeter-budgets"):
            status.registry.register(BudgetsCollector(store, budgets))
            yield budgets
    finally:
        webhooks.close()


def _look_on(watch: BudgetWatch, ended: threading.Event) -> None:
    took = 0.0
    while not ended.wait(max(_EVERY_S, _MOST_SHARE * took)):
        began = monotonic()
        try:
            watch.look()
            watch.standing = OK
        except Exception:  # the barrier: no fault of one round ends all that follow
            if watch.standing == OK:
                _logger.exception("the store cannot say how budgets stand; it is asked again")
            watch.standing = "the store cannot say how budgets stand"
        took = monotonic() - began
