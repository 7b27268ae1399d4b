"""The level in memory: the entries used last, up to a size."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

try:
    from cachetools import LRUCache
except ImportError as error:
    raise ImportError("spanmeter.cache needs pydantic and cachetools: pip install 'spanmeter[cache]'") from error

from spanmeter.cache.entry import Entry
from spanmeter.fork import in_child


@dataclass(frozen=True, slots=True)
class Held:
    """An entry in memory: `again` gives its value to one more caller."""

    entry: Entry
    again: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Memory:
    """How much a cache keeps in memory, by the bytes its entries take when they are written."""

    max_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        if self.max_bytes <= 0:
            raise ValueError(f"max_bytes={self.max_bytes} is not allowed; allowed: a number of bytes above 0")


class MemoryLevel:
    """Entries by their keys; safe from any thread. What is larger than all of it is not kept."""

    def __init__(self, memory: Memory) -> None:
        self._max_bytes = memory.max_bytes
        self._held: LRUCache[str, Held] = LRUCache(memory.max_bytes, getsizeof=_size)
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()

    def get(self, key: str, *, now: float) -> Held | None:
        """What is held and has not expired."""
        with self._lock:
            held = self._held.get(key)
            if held is not None and not held.entry.holds(now):
                del self._held[key]
                return None
            return held

    def put(self, key: str, held: Held) -> None:
        """Hold an entry, and let go of those that were not used for longest."""
        if _size(held) > self._max_bytes:
            return
        with self._lock:
            self._held[key] = held

    def drop(self, key: str) -> None:
        """Forget an entry."""
        with self._lock:
            self._held.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._held.clear()

    @property
    def entries(self) -> int:
        """How many are held."""
        return len(self._held)

    @property
    def bytes(self) -> int:
        """How much they take when they are written."""
        return int(self._held.currsize)


_OWN: int = 200
"""About what an entry takes beside its value."""


def _size(held: Held) -> int:
    return len(held.entry.payload) + _OWN
