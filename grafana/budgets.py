"""How budgets stand: panels over `spanmeter_budget_*`, which the sidecar keeps from leases and the ledger."""

from __future__ import annotations

from typing import Final

from panels import DOLLARS, NO_BUDGETS, RATE, SHARE, Chart, Panel, Query, Ranking
from promql import SIDECAR, rate, select

LIMIT = select("spanmeter_budget_limit_usd", scope=SIDECAR)
SPENT = select("spanmeter_budget_spent_usd", scope=SIDECAR)
RESERVED = select("spanmeter_budget_reserved_usd", scope=SIDECAR)
STOPPED = select("spanmeter_budget_stopped_calls_total", scope=SIDECAR)
DOWNGRADED = select("spanmeter_budget_downgraded_calls_total", scope=SIDECAR)
_SHARE = f"max by (budget) ({SPENT} / {LIMIT})"

CHARTS: Final = (
    Chart(
        Panel(
            "Share of budgets spent",
            "spanmeter_budget_spent_usd of spanmeter_budget_limit_usd in the present period; it falls to zero when "
            "one begins. At 100 % the budget does what its action says. `spanmeter budgets` says until when it "
            "lasts.",
            SHARE,
            (Query(_SHARE, "{{budget}}"),),
            NO_BUDGETS,
        ),
    ),
    Ranking(
        Panel(
            "Budgets now",
            "The share that is spent, spanmeter_budget_spent_usd, spanmeter_budget_reserved_usd by calls under way, "
            "and spanmeter_budget_limit_usd of each budget in its present period. Start at the top.",
            DOLLARS,
            (
                Query(_SHARE, "Share"),
                Query(f"max by (budget) ({SPENT})", "Spent"),
                Query(f"max by (budget) ({RESERVED})", "Reserved"),
                Query(f"max by (budget) ({LIMIT})", "Limit"),
            ),
            NO_BUDGETS,
        ),
        key="budget",
        units=(SHARE, DOLLARS, DOLLARS, DOLLARS),
    ),
    Chart(
        Panel(
            "Calls that budgets stopped or downgraded",
            "Rates of spanmeter_budget_stopped_calls_total and spanmeter_budget_downgraded_calls_total: calls that "
            "got BudgetExceeded instead of an answer, and calls that another model answered. See 'Budgets now'.",
            RATE,
            (
                Query(rate(STOPPED, "budget"), "{{budget}} stopped"),
                Query(rate(DOWNGRADED, "budget"), "{{budget}} to another model"),
            ),
            NO_BUDGETS,
        ),
    ),
)
"""The share that is spent over time, how budgets stand now, and what they stopped."""
