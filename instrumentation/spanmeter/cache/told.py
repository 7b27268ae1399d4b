"""Tells the trace of requests to caches: on the model call that asked, or on a span of the request's own."""

from __future__ import annotations

from decimal import Decimal

from spanmeter import semconv
from spanmeter.call import Call
from spanmeter.current import here, is_suppressed
from spanmeter.opening import Opening
from spanmeter.process import calls


def opening_of(name: str) -> Opening:
    """The opening of a span for one request to a cache."""
    return Opening(operation=semconv.CACHE_OPERATION, name=f"{semconv.CACHE_OPERATION} {name}", framework="")


def asking_call() -> Call | None:
    """The model call that asks, for caches that a framework asks inside of one."""
    call = here().call
    return call if isinstance(call, Call) and call.opening.operation in semconv.CALL_OPERATIONS else None


def tell(call: Call | None, name: str, *, hit: bool, saved_usd: Decimal | None = None) -> None:
    """Write one request on the model call it is made for; without one it gets a span."""
    if call is not None:
        call.note_cache(name, hit=hit, saved_usd=saved_usd)
    elif not is_suppressed():
        request = calls().open(opening_of(name))
        request.note_cache(name, hit=hit, saved_usd=saved_usd)
        request.stop()
