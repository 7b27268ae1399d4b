"""Many who ask a cache at once, and how to tell that they wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from spanmeter.cache import Cache

PATIENCE_S = 20


def until(condition: Callable[[], bool]) -> None:
    """Wait for something to hold."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def waits_for(cache: Cache, waiting: int) -> bool:
    """Whether so many wait for what is being computed."""
    conditions: Any = [flight.landed._condition for flight in cache.flights._flying.values()]
    return sum(len(condition._waiters) for condition in conditions) == waiting
