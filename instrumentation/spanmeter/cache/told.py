"""Tells the trace of requests to caches: on the model call that asked, or on a span of the request's own."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.call import Call
from spanmeter.current import here, is_suppressed
from spanmeter.opening import Opening
from spanmeter.process import calls


class Request(NamedTuple):
    """One request for one key; `saved_usd` is None for a miss, and where nobody knows what the hit saved."""

    hit: bool
    saved_usd: Decimal | None = None


def opening_of(name: str) -> Opening:
    """The opening of a span for one request to a cache."""
    return Opening(operation=semconv.CACHE_OPERATION, name=f"{semconv.CACHE_OPERATION} {name}", framework="")


@barrier
def tell(name: str, requests: Iterable[Request]) -> None:
    """Write requests that a framework makes on the model call they are made for; without one they get a span."""
    call = here().call
    if isinstance(call, Call) and call.opening.operation in semconv.CALL_OPERATIONS:
        write(call, name, requests)
    elif not is_suppressed():
        call = calls().open(opening_of(name))
        write(call, name, requests)
        call.stop()


def write(call: Call | None, name: str, requests: Iterable[Request]) -> None:
    """Add requests to those that a call already tells of."""
    if call is not None:
        for request in requests:
            call.note_cache(name, hit=request.hit, saved_usd=request.saved_usd)
