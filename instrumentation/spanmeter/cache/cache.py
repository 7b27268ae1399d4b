"""The cache: keys in, values out, and what each hit saved."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, ParamSpec, TypeVar, overload

from spanmeter.cache.cached import ASKED, cached
from spanmeter.cache.claim import CLAIM_S, Claims, Found
from spanmeter.cache.codec import UNREADABLE, Codec, is_read_once
from spanmeter.cache.entry import Entry
from spanmeter.cache.flight import Flights
from spanmeter.cache.identity import Identities
from spanmeter.cache.key import Context, key_of
from spanmeter.cache.level import Level
from spanmeter.cache.memory import Held, Memory
from spanmeter.cache.shelf import Shelf, again_of
from spanmeter.cache.stats import Counts, Stats
from spanmeter.cache.told import Told

P = ParamSpec("P")
R = TypeVar("R")

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Cache:
    """A cache of what functions, models and embeddings answer, in memory and, with `behind`, on disk or in Redis.

    `name` tells it from others, in figures and on a level that several share; an entry holds for `ttl_s` seconds,
    None for as long as there is room. Entries are apart by the dimensions of `spanmeter.context` in `isolate`, so that
    with the default no tenant is ever given another's answer; name what has to be apart (`("tenant", "user")`), or
    nothing (`()`) for what is the same for all, such as embeddings.

    As a decorator it takes plain and `async` functions, and of several callers that miss at once one computes, also in
    other processes that share the level `behind`: a key is claimed there for `claim_s` seconds at most, and others wait
    for twice as long at most before they compute themselves. A cache that fails is a miss: only what the function
    itself raises reaches the caller, and is not kept.
    """

    def __init__(  # noqa: PLR0913  each by its name
        self,
        name: str,
        *,
        ttl_s: float | None = None,
        isolate: Sequence[str] = ("tenant",),
        memory: Memory | None = None,
        behind: Level | None = None,
        claim_s: float = CLAIM_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"name={name!r} is not allowed; allowed: 1 to 64 letters, digits and any of _.-")
        if ttl_s is not None and not ttl_s > 0:
            raise ValueError(f"ttl_s={ttl_s} is not allowed; allowed: a number of seconds above 0, or None")
        if isinstance(isolate, str):
            raise TypeError(f"isolate={isolate!r} is not allowed; allowed: a tuple of dimensions, as ('tenant',)")
        if not claim_s > 0:
            raise ValueError(f"claim_s={claim_s} is not allowed; allowed: a number of seconds above 0")
        self.name = name
        self.counts = Counts(name)
        self.told = Told(name)
        self.context = Context(isolate)
        self.identities = Identities()
        self.flights = Flights()
        self.shelf = Shelf(name, memory=memory or Memory(), behind=behind, counts=self.counts, clock=clock)
        self.claims = Claims(self.shelf, claim_s=claim_s)
        self._ttl_s = ttl_s
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

        def decorate(decorated: Callable[..., Any]) -> Callable[..., Any]:
            return cached(self, decorated, ignore=ignore, version=version, codec=codec)

        return decorate if function is None else decorate(function)

    def key(self, asked: object) -> str:
        """The key of something in the running context.

        Raises:
            TypeError: There is something in it that has no stable spelling.
        """
        return key_of(asked, context=self.context)

    def find(self, key: str, codec: Codec) -> Found | None:
        """What is held, and which level answered: `memory_hits` or ""."""
        return self.shelf.find(key, codec)

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

    def invalidate(self, function: Callable[P, object], /, *args: P.args, **options: P.kwargs) -> bool:
        """Forget what a decorated function returned for these arguments in the running context; whether it was known.

        The memory of other processes keeps it until it expires there.

        Raises:
            TypeError: The function is not decorated with this cache, or takes no such arguments.
        """
        asked: Any = getattr(function, ASKED, None)
        if asked is None or asked.cache is not self:
            raise TypeError(f"{function!r} is not allowed; allowed: a function decorated with cache {self.name}")
        bound = getattr(function, "__self__", None)
        return bool(asked.forget(args if bound is None else (bound, *args), options))

    def clear(self) -> None:
        """Forget every entry of this cache, on all levels; the memory of other processes keeps theirs."""
        self.shelf.clear()

    def _written(self, value: Any, codec: Codec, saved_usd: Decimal | None) -> Held | None:  # noqa: ANN401
        try:
            if is_read_once(value):
                return None
            payload = codec.encode(value)
            again = again_of(payload, codec)
            if again() != value or type(again()) is not type(value):
                return None
        except (*UNREADABLE, RecursionError):  # a value may hold itself
            return None
        expires_at = None if self._ttl_s is None else self._clock() + self._ttl_s
        return Held(Entry(payload, expires_at, saved_usd), again)
