"""Spans given up: counted by reason, and said at most once a minute."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from time import monotonic
from typing import Final

from spanmeter.tally import tally

QUEUE_FULL: Final = "the queue is full"
SPOOL_FULL: Final = "the spool is full"
NO_SPOOL: Final = "there is no spool"
REFUSED: Final = "the sidecar refused them"
FAULT: Final = "a fault of spanmeter's own"
SAY_EVERY_S: Final = 60.0

lost: Final[Counter[str]] = Counter()
"""Spans given up in this process, by reason."""

_log: Final = logging.getLogger("spanmeter")
_lock: Final = threading.RLock()
_said: Final[dict[str, float]] = {}


def lose(spans: int, reason: str, *, detail: str = "") -> None:
    """Count spans that nobody will see, and say so unless this reason was given within the last minute."""
    tally.add_dropped(spans)
    with _lock:
        lost[reason] += spans
        total, now = lost[reason], monotonic()
        if now < _said.get(reason, -SAY_EVERY_S) + SAY_EVERY_S:
            return
        _said[reason] = now
    _log.warning("%d spans dropped so far because %s%s", total, reason, f": {detail}" if detail else "")
