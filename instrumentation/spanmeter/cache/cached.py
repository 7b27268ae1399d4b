"""What the decorator makes of a function: the same function, which asks the cache first."""

# ruff: noqa: ANN401  a decorator passes on what it is given

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from spanmeter.barrier import barrier
from spanmeter.cache.codec import Codec, codec_of
from spanmeter.cache.cost import cost_of
from spanmeter.cache.flight import MOST_WAITS
from spanmeter.cache.key import Calls, Unkeyable
from spanmeter.cache.memory import Held
from spanmeter.cache.told import opening_of
from spanmeter.call import Call
from spanmeter.scope import measure
from spanmeter.surrounding import surrounding

if TYPE_CHECKING:
    from spanmeter.cache.cache import Cache

_log: Final = logging.getLogger("spanmeter")

Args = tuple[Any, ...]
Options = Mapping[str, Any]


def cached(
    cache: Cache, function: Callable[..., Any], *, ignore: Sequence[str], version: str, codec: Codec | None
) -> Callable[..., Any]:
    """The function with the cache before it.

    Raises:
        TypeError: The function is a generator, lacks an ignored parameter or returns what cannot be written.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{function.__qualname__} yields its values; allowed: functions that return one")
    asked = _Asked(cache, function, Calls(function, ignored=ignore, version=version), codec or codec_of(function))
    return functools.wraps(function)(_awaited(asked) if inspect.iscoroutinefunction(function) else _plain(asked))


def _plain(asked: _Asked) -> Callable[..., Any]:
    def ask(*args: Any, **options: Any) -> Any:
        key = asked.key(args, options)
        return asked.function(*args, **options) if key is None else asked.ask(key, args, options)

    return ask


def _awaited(asked: _Asked) -> Callable[..., Any]:
    async def ask(*args: Any, **options: Any) -> Any:
        key = asked.key(args, options)
        if key is None:
            return await asked.function(*args, **options)
        return await asked.ask_async(key, args, options)

    return ask


class _Asked:
    """One function and the cache before it."""

    def __init__(self, cache: Cache, function: Callable[..., Any], calls: Calls, codec: Codec) -> None:
        self.function = function
        self._cache = cache
        self._flights = cache.flights
        self._calls = calls
        self._codec = codec
        self._opening = opening_of(cache.name)
        self._warned = False

    @barrier
    def key(self, args: Args, options: Options) -> str | None:
        """The key of a call; None where it cannot be cached, or is part of computing itself."""
        try:
            key = self._cache.key(self._calls.key(args, options))
        except Unkeyable as fault:
            self._refuse(fault)
            return None
        except TypeError:  # wrong arguments: the function says so itself
            return None
        return None if self._flights.is_led_here(key) else key

    def ask(self, key: str, args: Args, options: Options) -> Any:
        """What is cached, or what the function returns."""
        with surrounding(self._opening) as call:
            held = self._near(key)
            if held is not None:
                return self._hit(call, held, "memory_hits")
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
            found = self._find(key)
            if found is not None:
                held, how = found
                return self._hit(call, held, how)
            value, held = self._compute(key, call, args, options)
            return value
        finally:
            self._flights.land(key, held)

    def _compute(self, key: str, call: Call | None, args: Args, options: Options) -> tuple[Any, Held | None]:
        self._miss(call)
        with self._flights.leading(key), measure() as bill:
            value = self.function(*args, **options)
        return value, self._keep(key, value, lambda: cost_of(bill))

    async def ask_async(self, key: str, args: Args, options: Options) -> Any:
        """What is cached, or what the function returns."""
        with surrounding(self._opening) as call:
            held = self._near(key)
            if held is not None:
                return self._hit(call, held, "memory_hits")
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
            far = self._cache.shelf.is_shared
            found = await asyncio.to_thread(self._find, key) if far else self._find(key)
            if found is not None:
                held, how = found
                return self._hit(call, held, how)
            value, held = await self._compute_async(key, call, args, options)
            return value
        finally:
            self._flights.land(key, held)

    async def _compute_async(
        self, key: str, call: Call | None, args: Args, options: Options
    ) -> tuple[Any, Held | None]:
        self._miss(call)
        with self._flights.leading(key), measure() as bill:
            value = await self.function(*args, **options)
        return value, await asyncio.to_thread(self._keep, key, value, lambda: cost_of(bill))

    @barrier
    def _near(self, key: str) -> Held | None:
        return self._cache.shelf.near(key)

    @barrier
    def _find(self, key: str) -> tuple[Held, str] | None:
        return self._cache.find(key, self._codec)

    @barrier
    def _keep(self, key: str, value: Any, cost: Callable[[], Any]) -> Held | None:
        return self._cache.keep(key, value, self._codec, saved_usd=cost())

    def _hit(self, call: Call | None, held: Held, how: str) -> Any:
        self._tell_hit(call, held, how)
        return held.again()

    @barrier
    def _tell_hit(self, call: Call | None, held: Held, how: str) -> None:
        saved_usd = held.entry.saved_usd
        self._cache.counts.hit(saved_usd, *filter(None, (how,)))
        if call is not None:
            call.note_cache(self._cache.name, hit=True, saved_usd=saved_usd)

    @barrier
    def _miss(self, call: Call | None) -> None:
        self._cache.counts.miss()
        if call is not None:
            call.note_cache(self._cache.name, hit=False)

    def _refuse(self, fault: Unkeyable) -> None:
        self._cache.counts.add("uncached")
        if not self._warned:
            self._warned = True
            _log.warning("cache %s: %s is not cached: %s", self._cache.name, self.function.__qualname__, fault)
