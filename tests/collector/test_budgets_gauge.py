"""What Prometheus reads of budgets: every family, every budget, from the beginning."""

from __future__ import annotations

from decimal import Decimal

from prometheus_client import CollectorRegistry, generate_latest

from spanmeter.budget_definition import BudgetDefinition
from spanmeter_collector.budget_watch import BudgetWatch
from spanmeter_collector.budgets import Budgets
from spanmeter_collector.budgets_gauge import BudgetsCollector
from spanmeter_collector.lease import Ask
from spanmeter_collector.store import Store


def test_every_budget_has_a_sample_in_each_family(store: Store) -> None:
    budgets, registry = Budgets(store), CollectorRegistry()
    registry.register(BudgetsCollector(store, budgets))
    for name, period in (("acme", "day"), ("each", "request"), ("idle", "month")):
        budgets.register.put(
            BudgetDefinition.of(name, {"limit_usd": "2.5", "period": period, "thresholds": ["0.5", "1"]})
        )
    told = Ask(holder="h", spent=Decimal("1.5"), reserved=Decimal("0.25"), stopped=3, downgraded=4)
    budgets.lease("acme", told)
    BudgetWatch(budgets, lambda _: None).look()
    shown = generate_latest(registry).decode().splitlines()
    assert [line for line in shown if not line.startswith("#")] == [
        'spanmeter_budget_limit_usd{budget="acme"} 2.5',
        'spanmeter_budget_limit_usd{budget="each"} 2.5',
        'spanmeter_budget_limit_usd{budget="idle"} 2.5',
        'spanmeter_budget_spent_usd{budget="acme"} 1.5',
        'spanmeter_budget_spent_usd{budget="idle"} 0.0',
        'spanmeter_budget_reserved_usd{budget="acme"} 0.25',
        'spanmeter_budget_reserved_usd{budget="idle"} 0.0',
        'spanmeter_budget_stopped_calls_total{budget="acme"} 3.0',
        'spanmeter_budget_stopped_calls_total{budget="each"} 0.0',
        'spanmeter_budget_stopped_calls_total{budget="idle"} 0.0',
        'spanmeter_budget_downgraded_calls_total{budget="acme"} 4.0',
        'spanmeter_budget_downgraded_calls_total{budget="each"} 0.0',
        'spanmeter_budget_downgraded_calls_total{budget="idle"} 0.0',
        'spanmeter_budget_threshold_total{budget="acme",threshold="0.5"} 1.0',
        'spanmeter_budget_threshold_total{budget="acme",threshold="1"} 0.0',
        'spanmeter_budget_threshold_total{budget="idle",threshold="0.5"} 0.0',
        'spanmeter_budget_threshold_total{budget="idle",threshold="1"} 0.0',
    ]
