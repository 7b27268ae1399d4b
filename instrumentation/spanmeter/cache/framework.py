"""What the frameworks' caches share: they ask for a key, compute by themselves and keep what they computed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from spanmeter.barrier import barrier
from spanmeter.cache import cost
from spanmeter.cache.cache import Cache
from spanmeter.cache.codec import Codec
from spanmeter.cache.memory import Held
from spanmeter.cache.told import asking_call


class Kept:
    """Values of a cache by the keys of a framework; each request is counted and told of."""

    def __init__(self, cache: Cache, codec: Codec) -> None:
        self.cache = cache
        self.codec = codec

    def key(self, *parts: str) -> str:
        """The cache's key for a key of the framework."""
        return self.cache.key(parts)

    @barrier
    def find(self, *parts: str) -> Held | None:
        """What is held for a key; a miss without a model call around it starts a bill of what comes next."""
        call = asking_call()
        found = self.cache.find(self.key(*parts), self.codec)
        if found is None:
            self.miss()
            if call is None:
                cost.begin()
            return None
        held, how = found
        self.hit(held, how)
        return held

    def hit(self, held: Held, how: str) -> None:
        """Count and tell of a hit."""
        saved_usd = held.entry.saved_usd
        self.cache.counts.hit(saved_usd, how)
        self.cache.told.request(asking_call(), hit=True, saved_usd=saved_usd)

    def miss(self) -> None:
        """Count and tell of a miss."""
        self.cache.counts.miss()
        self.cache.told.request(asking_call(), hit=False)

    @barrier
    def keep(self, value: Any, *parts: str, among: int = 0) -> None:  # noqa: ANN401
        """Keep what was computed after a miss; `among` says how many are kept together, 0 that they come one by one."""
        call = asking_call()
        self.put(value, *parts, saved_usd=cost.end() if call is None else cost.cost_in(call, among=among))

    def put(self, value: Any, *parts: str, saved_usd: Decimal | None) -> Held | None:  # noqa: ANN401
        """Keep a value whose cost is known, or known to be unknown."""
        return self.cache.keep(self.key(*parts), value, self.codec, saved_usd=saved_usd)

    @barrier
    def drop(self, *parts: str) -> bool:
        """Forget a key; whether it was known."""
        return self.cache.shelf.drop(self.key(*parts))
