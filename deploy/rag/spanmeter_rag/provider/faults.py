"""Refusals such as every provider makes now and then."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from threading import Lock

from spanmeter_rag.provider.chance import draw

_LONGEST_REFUSAL_RUN = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """A refusal: its status, and after how many milliseconds another attempt is welcome."""

    status: int
    message: str
    kind: str
    code: str | None
    retry_after_ms: int | None


class Faults:
    """Refuses a share of the requests, decided by seed, body and attempt: the same run has the same refusals."""

    def __init__(self, *, rate: float, seed: int) -> None:
        self._rate = rate
        self._seed = seed
        self._asked: Counter[str] = Counter()
        self._lock = Lock()

    def check(self, body: bytes) -> Fault | None:
        """Return the fault this request gets, or None; at most two attempts in a row fail."""
        digest = hashlib.blake2b(body, digest_size=16).hexdigest()
        with self._lock:
            attempt = self._asked[digest]
            self._asked[digest] += 1
        if attempt % (_LONGEST_REFUSAL_RUN + 1) == _LONGEST_REFUSAL_RUN:
            return None
        number = draw("fault", self._seed, digest, attempt)
        return _fault(number / self._rate) if number < self._rate else None


def _fault(number: float) -> Fault:
    if number < 0.5:
        wait_ms = 100 + int(number * 600)
        return Fault(429, "Rate limit reached for requests.", "requests", "rate_limit_exceeded", wait_ms)
    return Fault(500, "The server had an error while processing your request.", "server_error", None, None)
