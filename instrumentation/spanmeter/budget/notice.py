"""Tells of thresholds that were passed: in the log, and to the budget's webhook where no sidecar does."""

from __future__ import annotations

import importlib
import logging
import threading
from typing import Final

from spanmeter.barrier import barrier
from spanmeter.budget.account import Account
from spanmeter.budget.exceeded import Refusal
from spanmeter.budget.sums import Sums

_log: Final = logging.getLogger("spanmeter.budget")
_WHAT_HAPPENS: Final = {
    "stop": "calls are stopped once it is spent",
    "warn": "calls go on",
    "downgrade": "calls are sent to cheaper models once it is spent",
}


def notice(account: Account, sums: Sums) -> None:
    """Tell of the thresholds that a budget has passed since it was asked last."""
    for share in account.passed(sums):
        standing, definition = account.standing(sums), account.definition
        happens = _WHAT_HAPPENS[definition.action]
        said = "budget %r: %s %% of %s USD are spent; %s"
        _log.warning(said, standing.name, f"{(100 * share).normalize():f}", f"{standing.limit_usd:f}", happens)
        if definition.webhook and account.tells_webhook:
            _post_later(definition.webhook, told(standing, f"{share:f}", period=definition.period))


def notice_stop(sums: Sums, refusal: Refusal) -> None:
    """Tell of the first call of a period that a budget stops; further ones are counted alone."""
    if not sums.told:
        sums.told = True
        _log.warning("budget %r stops calls: %s", refusal.name, refusal.reason)


def told(standing: Refusal, threshold: str, *, period: str) -> dict[str, str | None]:
    """What a webhook is sent; money is decimal text."""
    return {
        "budget": standing.name,
        "threshold": threshold,
        "limit_usd": f"{standing.limit_usd:f}",
        "spent_usd": f"{standing.spent_usd:f}",
        "reserved_usd": f"{standing.reserved_usd:f}",
        "period": period,
        "resets_at": standing.resets_at.isoformat() if standing.resets_at else None,
    }


def _post_later(url: str, body: dict[str, str | None]) -> None:
    try:
        threading.Thread(target=_post, args=(url, body), name="spanmeter-webhook", daemon=True).start()
    except RuntimeError:  # too late for threads: the process exits
        _post(url, body)


@barrier
def _post(url: str, body: dict[str, str | None]) -> None:
    importlib.import_module("spanmeter.budget.webhook").post(url, body)  # only now: it needs an HTTP client
