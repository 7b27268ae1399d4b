"""What computing a value cost: the price of the model calls made for it."""

from __future__ import annotations

from decimal import Decimal

from spanmeter.bill import Bill


def cost_of(bill: Bill) -> Decimal | None:
    """US dollars; None where a call has no known price, or where no call was seen that could have one."""
    if bill.unpriced_calls or not (bill.calls or bill.cache_hits):
        return None
    return bill.priced_usd
