"""Spans given up: counted by reason, and said at most once a minute."""

from __future__ import annotations

import enum
import logging
import os
import threading
from collections import Counter
from time import monotonic
from typing import Final

from spanmeter.tally import tally


class Reason(enum.Enum):
    """Why spans were given up."""

    QUEUE_FULL = "the queue is full"
    SPOOL_FULL = "the spool is full"
    NO_SPOOL = "there is no spool"
    REFUSED = "the sidecar refused them"
    TOO_OLD = "no process sent them within a week"
    FAULT = "a fault of spanmeter's own"


SAY_EVERY_S: Final = 60.0

lost: Final[Counter[Reason]] = Counter()
"""Spans given up in this process, by reason."""

_log: Final = logging.getLogger("spanmeter")
_said: Final[dict[Reason, float]] = {}
_lock = threading.RLock()


def _begin() -> None:
    global _lock  # noqa: PLW0603  the parent may have held it when it forked
    _lock = threading.RLock()
    lost.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin)


def lose(spans: int, reason: Reason, *, detail: str = "") -> None:
    """Count spans that nobody will see, and say so unless this reason was given within the last minute."""
    tally.add_dropped(spans, reason.name.lower())
    with _lock:
        lost[reason] += spans
        total, now = lost[reason], monotonic()
        if now < _said.get(reason, -SAY_EVERY_S) + SAY_EVERY_S:
            return
        _said[reason] = now
    _log.warning("%d spans dropped so far because %s%s", total, reason.value, f": {detail}" if detail else "")
