"""Budgets: what calls may cost, kept before they are made.

    spanmeter.Budget("acme-daily", limit_usd="25", period="day", scope={"tenant": "acme"}, action="stop")

A call reserves what it will cost at most before its provider is asked, and settles what it did cost afterwards.
"""

from __future__ import annotations

from spanmeter.budget.budget import Budget
from spanmeter.budget.exceeded import BudgetExceeded

__all__ = ["Budget", "BudgetExceeded"]
