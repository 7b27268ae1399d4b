"""What computing a value cost: the price of the model calls made for it."""

from __future__ import annotations

from contextvars import ContextVar
from decimal import Decimal
from typing import Final

from spanmeter.bill import Bill
from spanmeter.call import Call
from spanmeter.scope import unwatch, watch

_between: Final[ContextVar[Bill | None]] = ContextVar("spanmeter-cache-between", default=None)
"""The bill of what runs since a miss that no model call encloses."""


def cost_of(bill: Bill) -> Decimal | None:
    """US dollars; None where a call has no known price, or where no call was seen that could have one."""
    if bill.unpriced_calls or not (bill.calls or bill.cache_hits):
        return None
    return bill.priced_usd


def cost_in(call: Call, *, among: int = 0) -> Decimal | None:
    """The share of one kept value in what its model call has spent until now; for `among` see `CacheRequests.share`."""
    if call.cache_requests is None:
        return None
    spent_usd = call.price() if call.reported else cost_of(call.cache_requests.below)
    return call.cache_requests.share(spent_usd, among=among)


def begin() -> None:
    """Start a bill at a miss, for a framework that asks, computes and keeps without a block around."""
    end()
    bill = Bill()
    _between.set(bill)
    watch(bill)


def end() -> Decimal | None:
    """What was spent since `begin` in this context; None where that is not known."""
    bill = _between.get()
    if bill is None:
        return None
    _between.set(None)
    unwatch(bill)
    return cost_of(bill)
