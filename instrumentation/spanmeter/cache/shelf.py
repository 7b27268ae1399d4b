"""Where entries stand: in memory, and behind it on the level that others share."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, Final, ParamSpec, TypeVar

from spanmeter.barrier import barrier
from spanmeter.cache.codec import UNREADABLE, Codec, Copying, fresh
from spanmeter.cache.entry import Entry, read_entry, write_entry
from spanmeter.cache.level import Level
from spanmeter.cache.memory import Held, Memory, MemoryLevel
from spanmeter.cache.stats import Counts

P = ParamSpec("P")
R = TypeVar("R")

_PAUSE_S: Final = 1.0
"""How long a level is left alone that failed: who waits for it in vain should not do so at every request."""
_log: Final = logging.getLogger("spanmeter")


class Shelf:
    """The entries of one cache. A level that fails is a miss that is counted, never an error."""

    def __init__(
        self, name: str, *, memory: Memory, behind: Level | None, counts: Counts, clock: Callable[[], float]
    ) -> None:
        self.memory = MemoryLevel(memory)
        self._name = name
        self._behind = behind
        self._counts = counts
        self._clock = clock
        self._paused_until = 0.0
        self._warned = False

    @property
    def is_shared(self) -> bool:
        """Whether there is a level behind memory, which takes longer to ask."""
        return self._behind is not None

    def near(self, key: str) -> Held | None:
        """What memory holds."""
        return self.memory.get(key, now=self._clock())

    def find(self, key: str, codec: Codec) -> tuple[Held, str] | None:
        """What is held, and which level answered: `memory_hits` or ""."""
        held = self.near(key)
        if held is not None:
            return held, "memory_hits"
        held = self.far(key, codec)
        return None if held is None else (held, "")

    def far(self, key: str, codec: Codec) -> Held | None:
        """What the level behind holds; memory holds it from then on."""
        written = self._ask(lambda level: level.get(self._name, key))
        if written is None:
            return None
        held = self._read(key, written, codec)
        if held is None:
            self._counts.add("damaged")
            self._ask(lambda level: level.drop(self._name, key))
        elif held.entry.holds(self._clock()):
            self.memory.put(key, held)
            return held
        return None

    def keep(self, key: str, entry: Entry, again: Callable[[], Any]) -> Held:
        """Keep an entry on both levels."""
        held = Held(entry, again)
        self.memory.put(key, held)
        if self._behind is not None:
            written = write_entry(entry, place=self._place(key))
            self._ask(lambda level: level.put(self._name, key, written, expires_at=entry.expires_at))
        return held

    def claim(self, key: str, holder: str, *, for_s: float) -> bool | None:
        """Claim a key before others that share the level; None where it fails, which is counted where it is asked."""
        if monotonic() < self._paused_until:
            return None
        return self._ask(lambda level: level.claim(self._name, key, holder, for_s=for_s))

    def free(self, key: str, holder: str) -> None:
        """Give up the claim of `holder`."""
        self._ask(lambda level: level.free(self._name, key, holder))

    def drop(self, key: str) -> bool:
        """Forget an entry; whether one was known."""
        known = self.memory.get(key, now=self._clock()) is not None
        self.memory.drop(key)
        return bool(self._ask(lambda level: level.drop(self._name, key))) or known

    def clear(self) -> None:
        """Forget everything."""
        self.memory.clear()
        self._ask(lambda level: level.clear(self._name))

    def _read(self, key: str, written: bytes, codec: Codec) -> Held | None:
        entry = read_entry(written, place=self._place(key))
        if entry is None:
            return None
        try:
            return Held(entry, again_of(entry.payload, codec))
        except UNREADABLE:
            return None

    def _place(self, key: str) -> str:
        return f"{self._name}:{key}"

    @barrier
    def _ask(self, question: Callable[[Level], R]) -> R | None:
        level = self._behind
        if level is None:
            return None
        if monotonic() < self._paused_until:
            self._counts.add("faults")
            return None
        try:
            return question(level)
        except level.faults as fault:
            self._fail(fault)
            return None

    def _fail(self, fault: Exception) -> None:
        self._paused_until = monotonic() + _PAUSE_S
        self._counts.add("faults")
        if not self._warned:
            self._warned = True
            _log.warning("cache %s goes on without what is behind its memory: %s", self._name, fault)


def again_of(payload: bytes, codec: Codec) -> Callable[[], Any]:
    """How the value of a payload is handed out to each caller.

    Raises:
        ValueError: The payload is not what the codec writes; also TypeError, LookupError and AttributeError.
    """
    value = codec.decode(payload)
    if isinstance(codec, Copying):
        return partial(codec.copied, value)
    return fresh(value) or (lambda: codec.decode(payload))
