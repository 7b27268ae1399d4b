"""What stands between a call and its provider while there are budgets."""

from __future__ import annotations

from dataclasses import replace

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.budget.budgets import budgets
from spanmeter.budget.exceeded import BudgetExceeded
from spanmeter.budget.reservation import Reservation
from spanmeter.budget.sent import Sent
from spanmeter.budget.turn import Turn, take, take_async
from spanmeter.call import Call
from spanmeter.opening import Opening
from spanmeter.price import Price
from spanmeter.scope import Scope


def turn_for(opening: Opening, scope: Scope, sent: Sent, *, price: Price | None, request: object) -> Turn | None:
    """The turn of a request; None where no budget holds for it."""
    accounts = budgets.matching(scope.attributes, opening)
    if not accounts or price is None:
        return None
    return Turn(accounts, opening, sent, forecast=budgets.forecast(price), scope=scope, request=request)


def turn_of(call: Call, sent: Sent) -> Turn | None:
    """The turn of a request that an open call makes, which gives back what it inherited from a call around it."""
    _disinherit(call)
    return turn_for(call.opening, call.scope, sent, price=call.prices, request=call.request)


def has_turn(call: Call) -> bool:
    """Whether a call has had a turn of its own already."""
    return call.reservation is not None and not call.inherits


def enter(call: Call, turn: Turn) -> str:
    """Take the turn of a call in this thread; return the model to ask in the place of the one it names, or "".

    Raises:
        BudgetExceeded: A budget stops the call.
    """
    try:
        take(turn)
    except BudgetExceeded as stopped:
        _mark(call, stopped)
        raise
    return _entered(call, turn) or ""


async def enter_async(call: Call, turn: Turn) -> str:
    """Take the turn of a call in this task; as `enter`."""
    try:
        await take_async(turn)
    except BudgetExceeded as stopped:
        _mark(call, stopped)
        raise
    return _entered(call, turn) or ""


@barrier
def _mark(call: Call, stopped: BudgetExceeded) -> None:
    call.span.set_attribute(semconv.BUDGET, stopped.name)


@barrier
def _entered(call: Call, turn: Turn) -> str:
    if turn.reservation is not None:
        attach(call, turn.reservation)
    return turn.model if turn.model != call.opening.model else ""


def attach(call: Call, reservation: Reservation) -> None:
    """Have a call settle a reservation when it ends; one that has ended already gives it back."""
    _disinherit(call)
    if call.reservation is None:
        call.reservation = reservation
    else:
        call.reservation.join(reservation)
    if not call.open:
        reservation.release()


def _disinherit(call: Call) -> None:
    if call.inherits and call.reservation is not None:
        call.reservation.release()
        call.reservation = None
    call.inherits = False


def rename(call: Call, model: str) -> None:
    """Have a call tell which model it asks in the place of the one it named."""
    asked = call.opening
    attributes = {**asked.attributes, semconv.DOWNGRADED_FROM: asked.model}
    call.rename(replace(asked, model=model, name=f"{asked.operation} {model}", attributes=attributes))
