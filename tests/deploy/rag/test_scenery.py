from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from spanmeter_collector.budget_file import read_budgets
from spanmeter_rag import scenery
from spanmeter_rag.settings import Caching, Settings, Spending


def test_the_service_keeps_answers_and_vectors_and_stops_at_a_budget() -> None:
    settings = Settings.read(scenery.SERVICE)
    assert settings.caching == Caching(("answers", "vectors"), ttl_s=600.0)
    assert settings.spending == Spending(Decimal(25), "day", "stop")


def test_the_sidecar_warns_when_the_indexes_cost_too_much() -> None:
    (budget,) = read_budgets(Path(scenery.SIDECAR["SPANMETER_BUDGETS"]))
    assert (budget.name, budget.limit_usd, budget.period, dict(budget.scope), budget.action) == (
        "index-daily",
        Decimal("0.005"),
        "day",
        {"feature": "index"},
        "warn",
    )
