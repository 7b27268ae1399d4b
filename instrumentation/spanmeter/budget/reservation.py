"""What a call has reserved in all the budgets that hold for it."""

from __future__ import annotations

from decimal import Decimal

from spanmeter.budget.account import Account
from spanmeter.budget.hold import Hold
from spanmeter.budget.notice import notice
from spanmeter.budget.picos import picos_of


class Reservation:
    """Holds of a call, settled once: with what it cost, or with nothing where it was never made.

    `downgraded_from` is the model that was asked for where another one answers.
    """

    __slots__ = ("downgraded_from", "holds")

    def __init__(self, holds: list[Hold], downgraded_from: str = "") -> None:
        self.holds = holds
        self.downgraded_from = downgraded_from

    def join(self, other: Reservation) -> None:
        """Take over what another request of the same call has reserved."""
        self.holds += other.holds
        other.holds = []

    def bind(self, trace: int) -> None:
        """Have a trace that begins with this call count for the same request."""
        for hold in self.holds:
            hold.account.bind(trace, hold.sums)

    def settle(self, cost_usd: Decimal | None) -> None:
        """Give back what was reserved, and charge what the call cost; what is not known is charged nothing."""
        holds, self.holds = self.holds, []
        picos = picos_of(cost_usd) if cost_usd else 0
        paid: set[Account] = set()
        for hold in holds:
            first = hold.account not in paid
            paid.add(hold.account)
            hold.account.settle(hold, picos if first else 0)
            if picos and first:
                notice(hold.account, hold.sums)

    def release(self) -> None:
        """Give everything back."""
        self.settle(None)
