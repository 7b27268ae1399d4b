"""Protection from stampedes: of several callers that miss one key at once, one computes and the others wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from spanmeter.cache.memory import Held
from spanmeter.fork import in_child

MOST_WAITS: Final = 2
"""How many leaders a caller waits for that fail, before it computes by itself as without a cache."""
PATIENCE_S: Final = 60.0
"""How long it waits for one that neither fails nor lands."""
_LOOK_S: Final = 0.5
"""How often those who wait look whether the leader is still at it."""
_leading: Final[ContextVar[frozenset[tuple[int, str]]]] = ContextVar("spanmeter-cache-leading", default=frozenset())


def _always() -> bool:
    return True


@dataclass(slots=True, eq=False)
class Flight:
    """One computation: what it brings is an entry, or None where it failed or its value cannot be kept."""

    is_led: Callable[[], bool]
    thread: int = field(default_factory=threading.get_ident)
    landed: Future[Held | None] = field(default_factory=Future)


def _is_here(flight: Flight) -> bool:
    return not flight.landed.done() and flight.thread == threading.get_ident()


class Flights:
    """The keys that are being computed in this process."""

    def __init__(self) -> None:
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._flying: dict[str, Flight] = {}

    def board(self, key: str, *, is_led: Callable[[], bool] = _always) -> Flight | None:
        """The flight to wait for; None makes the caller the leader, who has to `land` while `is_led()` is true."""
        with self._lock:
            flight = self._flying.get(key)
            if flight is None:
                self._flying[key] = Flight(is_led)
            return flight

    def land(self, key: str, held: Held | None) -> None:
        """Tell those who wait what the leader brings; once, later words are ignored."""
        with self._lock:
            flight = self._flying.pop(key, None)
        if flight is not None:
            flight.landed.set_result(held)

    def wait(self, key: str, flight: Flight) -> Held | None:
        """What the leader brings; None where it fails, is gone or takes too long.

        None also for a leader of the same thread, such as another task of its event loop, which blocking would hold up.
        """
        deadline = monotonic() + PATIENCE_S
        while self._flies(key, flight) and not _is_here(flight) and monotonic() < deadline:
            try:
                return flight.landed.result(_LOOK_S)
            except TimeoutError:
                continue
        return None

    async def wait_async(self, key: str, flight: Flight) -> Held | None:
        """The same for those who await."""
        deadline = monotonic() + PATIENCE_S
        landed = asyncio.wrap_future(flight.landed)
        while self._flies(key, flight) and monotonic() < deadline:
            try:
                return await asyncio.wait_for(asyncio.shield(landed), _LOOK_S)
            except TimeoutError:
                continue
        return None

    def _flies(self, key: str, flight: Flight) -> bool:
        """Whether to wait on; a flight whose leader is gone lands with nothing, for all."""
        if flight.landed.done() or flight.is_led():
            return True
        if self._flying.get(key) is flight:
            self.land(key, None)
        return False

    def is_led_here(self, key: str) -> bool:
        """Whether the running code is part of computing this key: it cannot wait for itself."""
        return (id(self), key) in _leading.get()

    @contextmanager
    def leading(self, key: str) -> Iterator[None]:
        """Mark the code of a block as part of computing a key."""
        token = _leading.set(_leading.get() | {(id(self), key)})
        try:
            yield
        finally:
            _leading.reset(token)
