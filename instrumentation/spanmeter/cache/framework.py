"""What the frameworks' caches share: they ask for a key, compute by themselves and keep what they computed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from spanmeter.barrier import barrier
from spanmeter.cache import cost
from spanmeter.cache.cache import Cache
from spanmeter.cache.claim import Found
from spanmeter.cache.codec import Codec
from spanmeter.cache.flight import MOST_WAITS
from spanmeter.cache.memory import Held
from spanmeter.cache.told import asking_call
from spanmeter.cache.waiting import Steps, Wait
from spanmeter.call import Call


class Kept:
    """Values of a cache by the keys of a framework; each request is counted and told of.

    Of several model calls that miss a key at once one computes it and the others wait, until it keeps the value or
    ends: a framework tells a cache nothing of failures, so where no model call is around a request nobody waits.
    Across processes a call claims the first key that it misses, which stands for those that it misses after it.
    """

    def __init__(self, cache: Cache, codec: Codec) -> None:
        self.cache = cache
        self.codec = codec
        self._led: WeakKeyDictionary[Call, dict[str, None]] = WeakKeyDictionary()

    def key(self, *parts: str) -> str:
        """The cache's key for a key of the framework."""
        return self.cache.key(parts)

    def asking(self, *parts: str) -> Steps[Held | None]:
        """What is held for a key, or what another call brings that computes it already."""
        key, call = self.key(*parts), asking_call()
        held = self.cache.shelf.near(key)
        if held is not None:
            return self._hit(call, held, "memory_hits")
        if call is None:
            return self._answered(None, (yield self._finding(key)), key)
        for _ in range(MOST_WAITS):
            flight = self.cache.flights.board(key, is_led=partial(_is_asking, call))
            if flight is None:
                return self._answered(call, (yield self._leading(key, call)), key)
            if self._led.get(call):
                break  # who is waited for waits for nobody: two could wait for each other
            wait, wait_async = self.cache.flights.wait, self.cache.flights.wait_async
            held = yield Wait(partial(wait, key, flight), partial(wait_async, key, flight))
            if held is not None:
                return self._hit(call, held, "shared_hits")
        return self._answered(call, (yield self._finding(key)), key)

    def _leading(self, key: str, call: Call) -> Wait:
        """Look behind memory for a key that is now this call's to compute."""
        led = self._led.setdefault(call, {})
        is_first = not led
        led[key] = None
        if not is_first:
            return self._finding(key)
        call.when_closed = partial(_both, call.when_closed, partial(self._land_all, call))
        search, search_async = self.cache.claims.search, self.cache.claims.search_async
        return Wait(partial(search, key, self.codec), partial(search_async, key, self.codec))

    def _finding(self, key: str) -> Wait:
        find = barrier(partial(self.cache.shelf.find, key, self.codec))
        return Wait(find, partial(asyncio.to_thread, find))

    def _answered(self, call: Call | None, found: Found | None, key: str) -> Held | None:
        if found is None:
            self._miss(call)
            return None
        self._land(key, found[0])
        return self._hit(call, *found)

    def _hit(self, call: Call | None, held: Held, how: str) -> Held:
        saved_usd = held.entry.saved_usd
        self.cache.counts.hit(saved_usd, how)
        self.cache.told.request(call, hit=True, saved_usd=saved_usd)
        return held

    def _miss(self, call: Call | None) -> None:
        """Count and tell of a miss; without a model call around it, it starts a bill of what comes next."""
        self.cache.counts.miss()
        self.cache.told.request(call, hit=False)
        if call is None:
            cost.begin()

    def keep(self, value: Any, *parts: str) -> None:  # noqa: ANN401
        """Keep what was computed after a miss."""
        self.put(value, *parts, saved_usd=self.share())

    async def keep_async(self, value: Any, *parts: str) -> None:  # noqa: ANN401
        """The same for those who await: the level behind memory is written in a thread."""
        await asyncio.to_thread(self.put, value, *parts, saved_usd=self.share())

    @barrier
    def share(self, *, among: int = 0) -> Decimal | None:
        """What a value cost; `among` says how many are kept together, 0 that they come one by one."""
        call = asking_call()
        return cost.end() if call is None else cost.cost_in(call, among=among)

    @barrier
    def put(self, value: Any, *parts: str, saved_usd: Decimal | None) -> None:  # noqa: ANN401
        """Keep a value whose cost is known, or known to be unknown, for all who wait for it too."""
        key, held = self.key(*parts), None
        try:
            held = self.cache.keep(key, value, self.codec, saved_usd=saved_usd)
        finally:
            self._land(key, held)

    def _land(self, key: str, held: Held | None) -> None:
        self.cache.flights.land(key, held)
        self.cache.claims.free(key)

    def _land_all(self, call: Call) -> None:
        """Land what a call did not compute, the first key last: who waits for that finds the others free, too."""
        for key in reversed(self._led.pop(call, {})):
            self._land(key, None)

    @barrier
    def drop(self, *parts: str) -> bool:
        """Forget a key; whether it was known."""
        return self.cache.shelf.drop(self.key(*parts))


def _is_asking(call: Call) -> bool:
    return call.open and call.current


@barrier
def _both(first: Callable[[], object] | None, then: Callable[[], object]) -> None:
    if first is not None:
        first()
    then()
