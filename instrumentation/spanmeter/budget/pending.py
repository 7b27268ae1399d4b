"""A reservation made just before a framework tells the start of the call it is for."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace
from typing import Final

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.budget.gate import attach
from spanmeter.budget.reservation import Reservation
from spanmeter.call import Call

_pending: Final[ContextVar[Reservation | None]] = ContextVar("spanmeter-pending-reservation", default=None)


def put(reservation: Reservation | None) -> None:
    """Keep a reservation for the next call that starts in this context."""
    _pending.set(reservation)


def claim(call: Call) -> None:
    """Hand what waits over to the call that starts."""
    reservation = _pending.get()
    if reservation is None:
        return
    _pending.set(None)
    reservation.bind(call.span.get_span_context().trace_id)
    attach(call, reservation)
    if asked := reservation.downgraded_from:
        attributes = {**call.opening.attributes, semconv.DOWNGRADED_FROM: asked}
        call.opening = replace(call.opening, attributes=attributes)
        call.span.set_attribute(semconv.DOWNGRADED_FROM, asked)


@barrier
def drop(reservation: Reservation | None) -> None:
    """Give back what no call has claimed."""
    if reservation is not None and _pending.get() is reservation:
        _pending.set(None)
        reservation.release()
