"""A call's turn: what it does before its provider is asked, until it has a reservation in every budget."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from time import monotonic
from typing import Final

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.budget.account import Account
from spanmeter.budget.asking import Asking
from spanmeter.budget.exceeded import BudgetExceeded
from spanmeter.budget.hold import Hold, Verdict
from spanmeter.budget.likely import Forecast, Likely
from spanmeter.budget.notice import notice_stop
from spanmeter.budget.reservation import Reservation
from spanmeter.settling import settling

FIRST_PAUSE_S: Final = 0.001
LONGEST_PAUSE_S: Final = 0.05
_FINAL: Final = frozenset({Verdict.SPENT, Verdict.AWAY, Verdict.UNPRICED})


class Turn:
    """Steps until a call has its `reservation`, or its `refusal`; `model` is the one to ask.

    It holds nothing between two steps, so that calls that wait never wait for each other.
    """

    __slots__ = ("_accounts", "_asking", "_forecast", "_pause_s", "_settled", "_started", "_tenant", "model",
                 "refusal", "reservation")  # fmt: skip

    def __init__(self, accounts: Sequence[Account], asking: Asking, forecast: Forecast, *, tenant: str) -> None:
        self._accounts = accounts
        self._asking = asking
        self._forecast = forecast
        self._tenant = tenant
        self._started = monotonic()
        self._pause_s = FIRST_PAUSE_S
        self._settled = False
        self.model = asking.model
        self.reservation: Reservation | None = None
        self.refusal: BudgetExceeded | None = None

    def step(self) -> float:
        """Try to reserve; return how many seconds to wait before the next step, 0 when there is none."""
        likely = self._likely()
        blocked = self._hold(likely)
        if blocked is not None and not self._settled:
            self._settled = True
            settling.now()  # calls that have ended may still hold what they did not need
            blocked = self._hold(likely)
        if blocked is None:
            return 0.0
        account, verdict = blocked
        waited_s = monotonic() - self._started
        if verdict in _FINAL or waited_s >= account.wait_s:
            self._refuse(account, verdict)
            return 0.0
        self._pause_s = min(1.5 * self._pause_s, LONGEST_PAUSE_S)
        return self._pause_s

    def close(self) -> None:
        """Wait no more."""
        for account in self._accounts:
            account.leave(self)

    def _likely(self) -> Likely | None:
        """What the call will cost, with a cheaper model where a budget asks for one."""
        self.model = self._asking.model
        likely = self._forecast.likely(self._asking, self.model, tenant=self._tenant)
        if self._asking.operation not in semconv.GENERATION_OPERATIONS:
            return likely
        for account in self._accounts:
            cheaper = account.definition.downgrade.get(self.model)
            if cheaper is None or likely is None or account.covers(likely, request=self._asking.request):
                continue
            self.model = cheaper
            likely = self._forecast.likely(self._asking, cheaper, tenant=self._tenant)
        return likely

    def _hold(self, likely: Likely | None) -> tuple[Account, Verdict] | None:
        """Hold in every budget, or in none and say which one is in the way."""
        holds: list[Hold] = []
        waited_s = monotonic() - self._started
        for account in self._accounts:
            hold = account.hold(likely, request=self._asking.request, asker=self, waited_s=waited_s)
            if isinstance(hold, Verdict):
                for held in holds:
                    held.account.settle(held, 0)
                return account, hold
            holds.append(hold)
        asked = self._asking.model
        self.reservation = Reservation(holds, asked if self.model != asked else "")
        return None

    def _refuse(self, account: Account, verdict: Verdict) -> None:
        request = self._asking.request
        refusal = account.refusal(verdict, request=request)
        self.refusal = BudgetExceeded(refusal)
        notice_stop(account.sums(request), refusal)


_step: Final = barrier(Turn.step)
_close: Final = barrier(Turn.close)


def take(turn: Turn) -> None:
    """Take a turn in this thread, which may have to wait.

    Raises:
        BudgetExceeded: A budget stops the call.
    """
    try:
        while pause_s := _step(turn):
            time.sleep(pause_s)
    finally:
        _close(turn)
    if turn.refusal is not None:
        raise turn.refusal


async def take_async(turn: Turn) -> None:
    """Take a turn in this task, which may have to wait; as `take`."""
    try:
        while pause_s := _step(turn):  # noqa: ASYNC110  threads and the sidecar give back too, and know no event
            await asyncio.sleep(pause_s)
    finally:
        _close(turn)
    if turn.refusal is not None:
        raise turn.refusal
