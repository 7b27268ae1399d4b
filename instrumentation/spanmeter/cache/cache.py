"""The cache: keys in, values out, and what each hit saved."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, ParamSpec, TypeVar, overload

from spanmeter.cache.codec import UNREADABLE, Codec
from spanmeter.cache.entry import Entry
from spanmeter.cache.flight import Flights
from spanmeter.cache.key import context_of, key_of
from spanmeter.cache.level import Level
from spanmeter.cache.memory import Held, Memory
from spanmeter.cache.shelf import Shelf, again_of
from spanmeter.cache.stats import Counts, Stats

P = ParamSpec("P")
R = TypeVar("R")

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Cache:
    """A cache of what functions, models and embeddings answer, in memory and, with `behind`, on disk or in Redis.

    `name` tells it from others, in figures and on a level that several share; an entry holds for `ttl_s` seconds,
    None for as long as there is room. Entries are apart by the dimensions of `spanmeter.context` in `isolate`, so that
    with the default no tenant is ever given another's answer; name what has to be apart (`("tenant", "user")`), or
    nothing (`()`) for what is the same for all, such as embeddings.

    As a decorator it takes plain and `async` functions, and of several callers that miss at once one computes. A cache
    that fails is a miss: only what the function itself raises reaches the caller.
    """

    def __init__(  # noqa: PLR0913  each by its name
        self,
        name: str,
        *,
        ttl_s: float | None = None,
        isolate: Sequence[str] = ("tenant",),
        memory: Memory | None = None,
        behind: Level | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"name={name!r} is not allowed; allowed: 1 to 64 letters, digits and any of _.-")
        if ttl_s is not None and not ttl_s > 0:
            raise ValueError(f"ttl_s={ttl_s} is not allowed; allowed: a number of seconds above 0, or None")
        if isinstance(isolate, str):
            raise TypeError(f"isolate={isolate!r} is not allowed; allowed: a tuple of dimensions, as ('tenant',)")
        self.name = name
        self.counts = Counts(name)
        self.flights = Flights()
        self.shelf = Shelf(name, memory=memory or Memory(), behind=behind, counts=self.counts, clock=clock)
        self._ttl_s = ttl_s
        self._isolate = tuple(isolate)
        self._clock = clock

    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]: ...

    @overload
    def __call__(
        self, function: None = None, /, *, ignore: Sequence[str] = (), version: str = "", codec: Codec | None = None
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...

    def __call__(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        ignore: Sequence[str] = (),
        version: str = "",
        codec: Codec | None = None,
    ) -> Any:
        """Cache what a function returns, by its arguments.

        `ignore` names parameters that do not matter, such as `self`; another `version` makes all entries stale, for
        when the function's code has changed; `codec` writes values that pydantic does not know. Values are written as
        the function's return annotation says, without one as JSON.

        Raises:
            TypeError: The function is a generator, lacks an ignored parameter or returns what cannot be written.
        """
        from spanmeter.cache.cached import cached  # noqa: PLC0415  it needs this class

        def decorate(decorated: Callable[..., Any]) -> Callable[..., Any]:
            return cached(self, decorated, ignore=ignore, version=version, codec=codec)

        return decorate if function is None else decorate(function)

    def key(self, asked: object) -> str:
        """The key of something in the running context.

        Raises:
            TypeError: There is something in it that has no stable text.
        """
        return key_of([asked, context_of(self._isolate)])

    def find(self, key: str, codec: Codec) -> tuple[Held, str] | None:
        """What is held, and which level answered: `memory_hits` or ""."""
        held = self.shelf.near(key)
        if held is not None:
            return held, "memory_hits"
        held = self.shelf.far(key, codec)
        return None if held is None else (held, "")

    def keep(self, key: str, value: Any, codec: Codec, *, saved_usd: Decimal | None) -> Held | None:  # noqa: ANN401
        """Keep a value, or count it as uncached where it would come back as another one."""
        held = self._written(value, codec, saved_usd)
        if held is None:
            self.counts.add("uncached")
            return None
        return self.shelf.keep(key, held.entry, held.again)

    def stats(self) -> Stats:
        """What became of the requests so far, in this process."""
        memory = self.shelf.memory
        return self.counts.stats(entries=memory.entries, size=memory.bytes)

    def clear(self) -> None:
        """Forget every entry of this cache, on all levels."""
        self.shelf.clear()

    def _written(self, value: Any, codec: Codec, saved_usd: Decimal | None) -> Held | None:  # noqa: ANN401
        try:
            payload = codec.encode(value)
            again = again_of(payload, codec)
            if again() != value or type(again()) is not type(value):
                return None
        except UNREADABLE:
            return None
        expires_at = None if self._ttl_s is None else self._clock() + self._ttl_s
        return Held(Entry(payload, expires_at, saved_usd), again)
