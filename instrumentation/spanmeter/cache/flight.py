"""Protection from stampedes: of several callers that miss one key at once, one computes and the others wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from spanmeter.cache.memory import Held
from spanmeter.fork import in_child

Flight = Future[Held | None]
"""What the leader brings: an entry, or None where it failed or its value cannot be kept."""
_leading: Final[ContextVar[frozenset[tuple[int, str]]]] = ContextVar("spanmeter-cache-leading", default=frozenset())


class Flights:
    """The keys that are being computed in this process."""

    def __init__(self) -> None:
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._flying: dict[str, Flight] = {}

    def board(self, key: str) -> Flight | None:
        """The flight to wait for; None makes the caller the leader, who has to `land`."""
        with self._lock:
            flight = self._flying.get(key)
            if flight is None:
                self._flying[key] = Future()
            return flight

    def land(self, key: str, held: Held | None) -> None:
        """Tell those who wait what the leader brings."""
        with self._lock:
            flight = self._flying.pop(key, None)
        if flight is not None and not flight.done():
            flight.set_result(held)

    def is_led_here(self, key: str) -> bool:
        """Whether the running code is part of computing this key: it cannot wait for itself."""
        return (id(self), key) in _leading.get()

    @contextmanager
    def leading(self, key: str) -> Iterator[None]:
        """Mark the code of a block as part of computing a key."""
        earlier = _leading.get()
        token = _leading.set(earlier | {(id(self), key)})
        try:
            yield
        finally:
            _leading.reset(token)
