"""What became of the requests to one cache."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from spanmeter import metrics
from spanmeter.fork import in_child
from spanmeter.scope import current_scope


@dataclass(frozen=True, slots=True)
class Stats:
    """The requests to a cache since the process started, and what it holds in memory.

    `memory_hits` is the part of `hits` that memory answered, `shared_hits` the part that waited for another caller's
    answer. `saved_usd` is what the calls replaced by hits had cost, in US dollars, and `unpriced_hits` counts the hits
    that are missing from it: nobody knows what they saved. `uncached` counts calls and values that cannot be cached,
    `damaged` entries that could not be read, `faults` requests that the level behind memory failed to answer or was not
    asked because it had just failed.
    """

    hits: int = 0
    memory_hits: int = 0
    shared_hits: int = 0
    misses: int = 0
    saved_usd: Decimal = Decimal(0)
    unpriced_hits: int = 0
    uncached: int = 0
    damaged: int = 0
    faults: int = 0
    memory_entries: int = 0
    memory_bytes: int = 0


class Counts:
    """The counters behind `Stats`; safe from any thread, zero again in a forked process."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        self._lock = threading.RLock()  # reentrant for what the collection of garbage ends in the middle of `add`
        self._counts: defaultdict[str, int] = defaultdict(int)  # a Counter counts three times as slowly
        self._saved_usd = Decimal(0)

    def add(self, *what: str) -> None:
        """Count one of each: names of fields of `Stats`."""
        with self._lock:
            for name in what:
                self._counts[name] += 1

    def hit(self, saved_usd: Decimal | None, how: str = "") -> None:
        """Count a hit and what it saved, here and on the bills that are kept around it."""
        metrics.observe_cache(self._name, "hit")
        with self._lock:
            counts = self._counts
            counts["hits"] += 1
            if how:
                counts[how] += 1
            if saved_usd is None:
                counts["unpriced_hits"] += 1
            else:
                self._saved_usd += saved_usd
        for bill in current_scope().bills:
            bill.save(saved_usd)

    def miss(self) -> None:
        """Count a miss."""
        metrics.observe_cache(self._name, "miss")
        self.add("misses")

    def stats(self, *, entries: int, size: int) -> Stats:
        """The counts at this moment."""
        with self._lock:
            return Stats(**self._counts, saved_usd=self._saved_usd, memory_entries=entries, memory_bytes=size)
