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
from spanmeter.budget.exceeded import BudgetExceeded
from spanmeter.budget.hold import Hold, Verdict
from spanmeter.budget.likely import Forecast, Likely
from spanmeter.budget.notice import notice_stop
from spanmeter.budget.reservation import Reservation
from spanmeter.budget.sent import Sent
from spanmeter.opening import Opening
from spanmeter.scope import Scope
from spanmeter.settling import settling

FIRST_PAUSE_S: Final = 0.001
LONGEST_PAUSE_S: Final = 0.05
_FINAL: Final = frozenset({Verdict.SPENT, Verdict.SHORT, Verdict.AWAY, Verdict.UNPRICED})


class Turn:
    """Steps until a call has its `reservation`, or its `refusal`; `model` is the one to ask.

    It holds nothing between two steps, so that calls that wait never wait for each other.
    """

    __slots__ = (
        "_accounts",
        "_cheaper",
        "_forecast",
        "_opening",
        "_pause_s",
        "_request",
        "_sent",
        "_started",
        "_tenant",
        "model",
        "refusal",
        "reservation",
    )

    def __init__(  # noqa: PLR0913  one for each call: a value for the last three would be another one
        self,
        accounts: Sequence[Account],
        opening: Opening,
        sent: Sent,
        *,
        forecast: Forecast,
        scope: Scope,
        request: object,
    ) -> None:
        self._accounts = accounts
        self._opening = opening
        self._sent = sent
        self._forecast = forecast
        self._tenant = scope.attributes.get(semconv.TENANT, "")
        self._request = request
        self._started = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._cheaper: Account | None = None
        self.model = opening.model
        self.reservation: Reservation | None = None
        self.refusal: BudgetExceeded | None = None

    def step(self) -> float:
        """Try to reserve; return how many seconds to wait before the next step, 0 when there is none."""
        likely = self._likely()
        blocked = self._hold(likely)
        if blocked is not None:
            self._started = self._started or monotonic()
            settling.soon()  # calls that have ended may still hold what they did not need
            blocked = self._hold(likely)
        if blocked is None:
            return 0.0
        account, verdict = blocked
        if verdict in _FINAL or (verdict is Verdict.HELD and self._waited_s() >= account.wait_s):
            self._refuse(account, verdict)
            return 0.0
        self._pause_s = min(1.5 * self._pause_s, LONGEST_PAUSE_S)
        return self._pause_s

    def _waited_s(self) -> float:
        return monotonic() - self._started if self._started else 0.0

    def close(self) -> None:
        """Wait no more."""
        if self._started:
            for account in self._accounts:
                account.leave(self)

    def _likely(self) -> Likely | None:
        """What the call will cost, with a cheaper model where a budget asks for one."""
        opening = self._opening
        self.model = opening.model
        likely = self._forecast.likely(opening, self.model, self._sent, tenant=self._tenant)
        if opening.operation not in semconv.GENERATION_OPERATIONS:
            return likely
        for account in self._accounts:
            cheaper = account.definition.downgrade
            while self.model in cheaper and not account.covers(likely, request=self._request):
                self.model, self._cheaper = cheaper[self.model], account
                likely = self._forecast.likely(opening, self.model, self._sent, tenant=self._tenant)
        return likely

    def _hold(self, likely: Likely | None) -> tuple[Account, Verdict] | None:
        """Hold in every budget, or in none and say which one is in the way."""
        holds: list[Hold] = []
        waited_s = self._waited_s()
        for account in self._accounts:
            hold = account.hold(likely, request=self._request, asker=self, waited_s=waited_s)
            if not isinstance(hold, Hold):
                for held in holds:
                    held.account.settle(held, 0)
                return account, hold
            holds.append(hold)
        asked = self._opening.model
        self.reservation = Reservation(holds, asked if self.model != asked else "")
        if self._cheaper is not None and self.model != asked:
            self._cheaper.downgraded += 1
        return None

    def _refuse(self, account: Account, verdict: Verdict) -> None:
        refusal = account.refusal(verdict, request=self._request)
        self.refusal = BudgetExceeded(refusal)
        notice_stop(account.sums(self._request), refusal)


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
