"""The budget of the workload: what answers may cost, the building of indexes aside."""

from __future__ import annotations

from typing import Final

import spanmeter
from spanmeter_rag.settings import Models, Settings

NAME: Final = "rag-answers"


def limit_spending(settings: Settings) -> spanmeter.Budget | None:
    """Put the budget in force, once the process is instrumented; None without a limit.

    With `downgrade` the large models' questions go to the first fallback once the money is spent.
    """
    spending = settings.spending
    if spending.limit_usd is None:
        return None
    return spanmeter.Budget(
        NAME,
        limit_usd=spending.limit_usd,
        period=spending.period,
        scope={"feature": "answer"},
        action=spending.action,
        downgrade=_cheaper(settings.models) if spending.action == "downgrade" else None,
    )


def _cheaper(models: Models) -> dict[str, str]:
    small = models.fallbacks[0] if models.fallbacks else Models().chain
    return {model: small for model in (models.engine, models.mixture, models.agent) if model != small}
