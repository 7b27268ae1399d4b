"""What Prometheus reads of budgets: limits, what is spent and reserved, and what they stopped, by their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from spanmeter_collector.budgets import Budgets
from spanmeter_collector.metrics import while_answered
from spanmeter_collector.money import usd_text
from spanmeter_collector.store import Store

_MOST_OLD_S: Final = 15.0
_COUNTERS: Final = {
    "stopped": ("spanmeter_budget_stopped_calls", "Calls that a budget stopped before they were made."),
    "downgraded": ("spanmeter_budget_downgraded_calls", "Calls that a budget gave to another model."),
}


class BudgetsCollector(Collector):
    """Families `spanmeter_budget_*`; every budget has a sample in each, 0 where nothing happened."""

    def __init__(self, store: Store, budgets: Budgets) -> None:
        self._store = store
        self._budgets = budgets

    @while_answered
    def collect(self) -> Iterator[Metric]:
        """Ask how budgets stand and yield every family, also the empty ones."""
        names = [budget.name for budget in self._budgets.register.all()]
        yield from self._gauges()
        rows = self._store.query("metrics_budgets", {})
        counted = {(row["what"], row["budget"], row["threshold"]): row["counted"] for row in rows}
        for what, (name, text) in _COUNTERS.items():
            family = CounterMetricFamily(name, text, labels=("budget",))
            for budget in names:
                family.add_metric((budget,), counted.get((what, budget, ""), 0))
            yield family
        yield self._thresholds(counted)

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the store."""
        return ()

    def _gauges(self) -> Iterator[GaugeMetricFamily]:
        limit = GaugeMetricFamily("spanmeter_budget_limit_usd", "US dollars a period.", labels=("budget",))
        spent = GaugeMetricFamily(
            "spanmeter_budget_spent_usd", "US dollars spent in the present period.", labels=("budget",)
        )
        reserved = GaugeMetricFamily(
            "spanmeter_budget_reserved_usd", "US dollars reserved by calls under way.", labels=("budget",)
        )
        for budget in self._budgets.register.all():
            limit.add_metric((budget.name,), float(budget.limit))
            if budget.is_leased:
                standing = self._budgets.standing(budget, most_old_s=_MOST_OLD_S)
                spent.add_metric((budget.name,), float(standing.spent))
                reserved.add_metric((budget.name,), float(standing.sums.reserved))
        yield from (limit, spent, reserved)

    def _thresholds(self, counted: Mapping[tuple[str, str, str], int]) -> CounterMetricFamily:
        text = "How often a budget reached this share of its limit, once in a period at most."
        family = CounterMetricFamily("spanmeter_budget_threshold", text, labels=("budget", "threshold"))
        told = {
            (name, usd_text(Decimal(at))): count for (what, name, at), count in counted.items() if what == "threshold"
        }
        for budget in self._budgets.register.all():
            for threshold in budget.definition.thresholds if budget.is_leased else ():
                labels = budget.name, usd_text(threshold) or ""
                family.add_metric(labels, told.get(labels, 0))
        return family
