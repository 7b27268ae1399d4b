"""A circuit breaker: what keeps failing is left alone for a while.

One breaker is shared by threads and tasks. The libraries looked at keep one state for synchronous and another for
asynchronous callers, or know no asynchronous ones.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable


class OpenError(ConnectionError):
    """The breaker is open: nothing was sent. The message says of what and for how long."""


def refusal(error: BaseException) -> OpenError | None:
    """Return the breaker's refusal that an error goes back to; client packages wrap it, some of them twice."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OpenError):
        cause = cause.__cause__
    return cause


class Breaker:
    """Opens after `failures` failures in a row and refuses for `open_s` seconds; then one request may try.

    When the one succeeds the breaker closes, when it fails it stays open for as long again, and when it never tells,
    another one may try after as long. With 0 failures it never opens.
    """

    def __init__(self, name: str, *, failures: int, open_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self._failures = failures
        self._open_s = open_s
        self._clock = clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._closed_again_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether requests are refused, but for the one that tries."""
        return 0 < self._failures <= self._in_a_row

    @property
    def remaining_s(self) -> float:
        """How long until a request may try; 0 when one may now."""
        return max(0.0, self._closed_again_at - self._clock()) if self.is_open else 0.0

    def enter(self) -> None:
        """Let a request pass. Raises OpenError."""
        with self._lock:
            if not self.is_open:
                return
            if (left := self.remaining_s) > 0:
                raise OpenError(
                    f"{self.name} failed {self._in_a_row} times in a row; asked again in {math.ceil(left)} s"
                )
            self._closed_again_at = self._clock() + self._open_s

    def try_now(self) -> None:
        """Let one request try at once, for there is reason to think that it would succeed."""
        with self._lock:
            self._closed_again_at = self._clock()

    def succeeded(self) -> None:
        """Note that a request was answered."""
        with self._lock:
            self._in_a_row = 0

    def failed(self) -> None:
        """Note that a request failed."""
        with self._lock:
            self._in_a_row += 1
            if self.is_open:
                self._closed_again_at = self._clock() + self._open_s
