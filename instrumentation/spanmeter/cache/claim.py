"""Protection from stampedes across processes: on the level they share, one claims a key and the others wait for it."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Generator
from random import random
from time import monotonic
from typing import Final

from spanmeter.barrier import barrier
from spanmeter.cache.codec import Codec
from spanmeter.cache.memory import Held
from spanmeter.cache.shelf import Shelf
from spanmeter.fork import in_child

CLAIM_S: Final = 30.0
"""How long a key is claimed: what a process leaves that is killed while it computes."""
MOST_CLAIMS: Final = 2
"""How many lengths of a claim a process waits, before it computes by itself as without a cache."""
_FIRST_PAUSE_S: Final = 0.01
_LAST_PAUSE_S: Final = 0.25
_SLOWER: Final = 1.5

Found = tuple[Held, str]
"""What is held, and how: `memory_hits`, `shared_hits` where another process was waited for, or ""."""
Steps = Generator[float, None, Found | None]


class Claims:
    """The keys this process has claimed on the level behind one cache's memory; without a level all are its own."""

    def __init__(self, shelf: Shelf, *, claim_s: float) -> None:
        self._shelf = shelf
        self._claim_s = claim_s
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[str, str] = {}

    def search(self, key: str, codec: Codec) -> Found | None:
        """Find what is held, waiting for another process that computes it; None leaves it to the caller to compute.

        The caller has to `free` the key afterwards, found or not.
        """
        steps = self._steps(key, codec)
        while True:
            pause_s, found = _step(steps) or (None, None)
            if pause_s is None:
                return found
            time.sleep(pause_s)

    async def search_async(self, key: str, codec: Codec) -> Found | None:
        """The same for those who await: the level is asked in a thread."""
        if not self._shelf.is_shared:
            return self.search(key, codec)
        steps = self._steps(key, codec)
        while True:
            stepped = await asyncio.to_thread(_step, steps)
            pause_s, found = stepped or (None, None)
            if pause_s is None:
                return found
            await asyncio.sleep(pause_s)

    @barrier
    def free(self, key: str) -> None:
        """Give up a claim, if there is one."""
        with self._lock:
            holder = self._holders.pop(key, None)
        if holder is not None:
            self._shelf.free(key, holder)

    def free_soon(self, key: str) -> None:
        """Give up a claim without waiting for the level, in a running event loop."""
        if key in self._holders:
            asyncio.get_running_loop().run_in_executor(None, self.free, key)

    def _steps(self, key: str, codec: Codec) -> Steps:
        """Search in steps: each yields for how many seconds to pause."""
        found = self._shelf.find(key, codec)
        if found is not None or not self._shelf.is_shared:
            return found
        pause_s, deadline = _FIRST_PAUSE_S, monotonic() + MOST_CLAIMS * self._claim_s
        taken = self._claim(key)
        while taken is False:
            if monotonic() >= deadline:
                return None
            yield pause_s * (0.5 + random() / 2)  # noqa: S311  waiters of one moment part
            pause_s = min(pause_s * _SLOWER, _LAST_PAUSE_S)
            held = self._shelf.far(key, codec)
            if held is not None:
                return held, "shared_hits"
            taken = self._claim(key)
        if taken is None:
            return None
        held = self._shelf.far(key, codec)  # who claimed it before may have kept it since
        return None if held is None else (held, "shared_hits")

    def _claim(self, key: str) -> bool | None:
        """Whether the key is this process's now; None where the level cannot tell."""
        holder = uuid.uuid4().hex
        taken = self._shelf.claim(key, holder, for_s=self._claim_s)
        if taken:
            with self._lock:
                self._holders[key] = holder
        return taken


@barrier
def _step(steps: Steps) -> tuple[float | None, Found | None]:
    try:
        return next(steps), None
    except StopIteration as end:
        return None, end.value
