"""Tells the trace of requests to caches: on the model call that asked, or on a span of the request's own."""

from __future__ import annotations

from decimal import Decimal
from time import time_ns
from typing import Final

from spanmeter import semconv
from spanmeter.call import Call
from spanmeter.component import components
from spanmeter.current import here, is_suppressed
from spanmeter.opening import AttributeValue, Opening
from spanmeter.process import calls

_NS: Final = 1e-9


class Told:
    """Tells of the requests to one cache."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.opening: Final = Opening(
            operation=semconv.CACHE_OPERATION, name=f"{semconv.CACHE_OPERATION} {name}", framework=""
        )
        self._component = ("", semconv.CACHE_OPERATION, self.opening.name)
        self._hit = {
            semconv.OPERATION: semconv.CACHE_OPERATION,
            semconv.CACHE_NAME: name,
            semconv.CACHE_RESULT: "hit",
        }

    def hit(self, saved_usd: Decimal | None, began_ns: int) -> None:
        """Write the span of a hit that has ended already; `began_ns` counts from 1970.

        It is the span that a call's `note_cache` would give, at a fraction of what it takes to open one.
        """
        if is_suppressed():
            return
        told: dict[str, AttributeValue] = {**self._hit}
        if saved_usd is None:
            told[semconv.CACHE_UNPRICED_HITS] = 1
        else:
            told[semconv.CACHE_SAVED_USD] = format(saved_usd, "f")
        components.add(self._component, max(time_ns() - began_ns, 0) * _NS, False)
        calls().tell(self.opening.name, told, began_ns=began_ns)

    def request(self, call: Call | None, *, hit: bool, saved_usd: Decimal | None = None) -> None:
        """Write one request on the model call it is made for; without one it gets a span."""
        if call is not None:
            call.note_cache(self._name, hit=hit, saved_usd=saved_usd)
        elif hit:
            self.hit(saved_usd, time_ns())
        elif not is_suppressed():
            request = calls().open(self.opening)
            request.note_cache(self._name, hit=False)
            request.stop()


def asking_call() -> Call | None:
    """The model call that asks, for caches that a framework asks inside of one."""
    call = here().call
    return call if isinstance(call, Call) and call.opening.operation in semconv.CALL_OPERATIONS else None
