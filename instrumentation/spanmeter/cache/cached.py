"""What the decorator makes of a function: the same function, which asks the cache first."""

# ruff: noqa: ANN401  a decorator passes on what it is given

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from spanmeter.barrier import barrier
from spanmeter.cache.codec import Codec, codec_of
from spanmeter.cache.cost import cost_of
from spanmeter.cache.flight import MOST_WAITS
from spanmeter.cache.key import Calls, Unkeyable
from spanmeter.cache.memory import Held
from spanmeter.call import Call
from spanmeter.scope import measure
from spanmeter.surrounding import surrounding

if TYPE_CHECKING:
    from spanmeter.cache.cache import Cache

_log: Final = logging.getLogger("spanmeter")
ASKED: Final = "_spanmeter_asked"
"""Where a decorated function keeps what stands before it."""

Args = tuple[Any, ...]
Options = Mapping[str, Any]


def cached(
    cache: Cache, function: Callable[..., Any], *, ignore: Sequence[str], version: str, codec: Codec | None
) -> Callable[..., Any]:
    """The function with the cache before it.

    Raises:
        TypeError: The function is a generator, lacks an ignored parameter or returns what cannot be written.
    """
    if _yields(function) or _yields(getattr(function, "__call__", None)):  # noqa: B004  an object's own
        raise TypeError(f"{_name(function)} yields its values; allowed: functions that return one")
    identity = cache.identities.of(function, version=version)
    calls = Calls(function, identity=identity, context=cache.context, ignored=ignore)
    asked = Asked(cache, function, calls, codec or codec_of(function))
    decorated = functools.wraps(function)(_awaited(asked) if inspect.iscoroutinefunction(function) else _plain(asked))
    setattr(decorated, ASKED, asked)
    return decorated


def _plain(asked: Asked) -> Callable[..., Any]:
    def ask(*args: Any, **options: Any) -> Any:
        began_ns = time_ns()
        asking = asked.asking(args, options)
        if asking is None:
            return asked.function(*args, **options)
        key, held = asking
        if held is None:
            return asked.ask(key, args, options)
        asked.tell_near(held, began_ns)
        return held.again()

    return ask


def _awaited(asked: Asked) -> Callable[..., Any]:
    async def ask(*args: Any, **options: Any) -> Any:
        began_ns = time_ns()
        asking = asked.asking(args, options)
        if asking is None:
            return await asked.function(*args, **options)
        key, held = asking
        if held is None:
            return await asked.ask_async(key, args, options)
        asked.tell_near(held, began_ns)
        return held.again()

    return ask


class Asked:
    """One function and the cache before it."""

    def __init__(self, cache: Cache, function: Callable[..., Any], calls: Calls, codec: Codec) -> None:
        self.function = function
        self.cache = cache
        self._flights = cache.flights
        self._claims = cache.claims
        self._calls = calls
        self._codec = codec
        self._warned = False

    @barrier
    def asking(self, args: Args, options: Options) -> tuple[str, Held | None] | None:
        """The key of a call and what memory holds; None where it cannot be cached, or is part of computing itself."""
        try:
            key = self._calls.key(args, options)
        except Unkeyable as fault:
            self._refuse(fault)
            return None
        except TypeError:  # wrong arguments: the function says so itself
            return None
        held = self.cache.shelf.near(key)
        return None if held is None and self._flights.is_led_here(key) else (key, held)

    @barrier
    def tell_near(self, held: Held, began_ns: int) -> None:
        """Count and tell of a hit in memory."""
        saved_usd = held.entry.saved_usd
        self.cache.counts.hit(saved_usd, "memory_hits")
        self.cache.told.hit(saved_usd, began_ns)

    def ask(self, key: str, args: Args, options: Options) -> Any:
        """What is cached behind memory, what another caller computes, or what the function returns."""
        with surrounding(self.cache.told.opening) as call:
            for _ in range(MOST_WAITS):
                flight = self._flights.board(key)
                if flight is None:
                    return self._lead(key, call, args, options)
                held = self._flights.wait(key, flight)
                if held is not None:
                    return self._hit(call, held, "shared_hits")
            return self._compute(key, call, args, options)[0]

    def _lead(self, key: str, call: Call | None, args: Args, options: Options) -> Any:
        held = None
        try:
            found = self._claims.search(key, self._codec)
            if found is not None:
                held, how = found
                return self._hit(call, held, how)
            value, held = self._compute(key, call, args, options)
            return value
        finally:
            self._flights.land(key, held)
            self._claims.free(key)

    def _compute(self, key: str, call: Call | None, args: Args, options: Options) -> tuple[Any, Held | None]:
        self._miss(call)
        with self._flights.leading(key), measure() as bill:
            value = self.function(*args, **options)
        return value, self._keep(key, value, lambda: cost_of(bill))

    async def ask_async(self, key: str, args: Args, options: Options) -> Any:
        """What is cached behind memory, what another caller computes, or what the function returns."""
        with surrounding(self.cache.told.opening) as call:
            for _ in range(MOST_WAITS):
                flight = self._flights.board(key)
                if flight is None:
                    return await self._lead_async(key, call, args, options)
                held = await self._flights.wait_async(key, flight)
                if held is not None:
                    return self._hit(call, held, "shared_hits")
            return (await self._compute_async(key, call, args, options))[0]

    async def _lead_async(self, key: str, call: Call | None, args: Args, options: Options) -> Any:
        held = None
        try:
            found = await self._claims.search_async(key, self._codec)
            if found is not None:
                held, how = found
                return self._hit(call, held, how)
            value, held = await self._compute_async(key, call, args, options)
            return value
        finally:
            self._flights.land(key, held)
            self._claims.free_soon(key)

    async def _compute_async(
        self, key: str, call: Call | None, args: Args, options: Options
    ) -> tuple[Any, Held | None]:
        self._miss(call)
        with self._flights.leading(key), measure() as bill:
            value = await self.function(*args, **options)
        return value, await asyncio.to_thread(self._keep, key, value, lambda: cost_of(bill))

    def forget(self, args: Args, options: Options) -> bool:
        """Forget one call's entry; whether one was known.

        Raises:
            TypeError: The function does not take these arguments, or one of them has no stable spelling.
        """
        return self.cache.shelf.drop(self._calls.key(args, options))

    @barrier
    def _keep(self, key: str, value: Any, cost: Callable[[], Any]) -> Held | None:
        return self.cache.keep(key, value, self._codec, saved_usd=cost())

    def _hit(self, call: Call | None, held: Held, how: str) -> Any:
        self._tell_hit(call, held, how)
        return held.again()

    @barrier
    def _tell_hit(self, call: Call | None, held: Held, how: str) -> None:
        saved_usd = held.entry.saved_usd
        self.cache.counts.hit(saved_usd, how)
        if call is not None:
            call.note_cache(self.cache.name, hit=True, saved_usd=saved_usd)

    @barrier
    def _miss(self, call: Call | None) -> None:
        self.cache.counts.miss()
        if call is not None:
            call.note_cache(self.cache.name, hit=False)

    def _refuse(self, fault: Unkeyable) -> None:
        self.cache.counts.add("uncached")
        if not self._warned:
            self._warned = True
            _log.warning("cache %s: %s is not cached: %s", self.cache.name, _name(self.function), fault)


def _yields(function: object) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", None) or type(function).__qualname__
