"""Webhooks: who wants to know of a threshold is told by a POST with JSON, from a thread of its own.

Whatever an address does, nothing waits for it and nothing fails. Its path and query are secrets: no log shows them.
"""

from __future__ import annotations

import heapq
import json
import logging
import threading
from itertools import count
from time import monotonic
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter
from urllib3.exceptions import HTTPError

from spanmeter_collector.destination import Destination
from spanmeter_collector.outbox import Message, Outbox
from spanmeter_collector.settings import Forwarding

ATTEMPTS: Final = 6
_FIRST_WAIT_S: Final = 1.0
_TIMEOUT_S: Final = 5.0
_MOST_WAITING: Final = 100
_ENDS_S: Final = 3.0
_HEADERS: Final = {"content-type": "application/json", "user-agent": "spanmeter"}
_logger = logging.getLogger(__name__)


class _Due(NamedTuple):
    """The next attempt of a message, at a time of the monotonic clock; numbers keep the order of equal times."""

    at: float
    number: int
    attempts: int
    message: Message


class Webhooks:
    """One thread that tries each message up to six times, with pauses of 1 s to 16 s, in which it tries the others.

    What is given up and what finds no room is counted and logged. What waits when the sidecar ends stays in the outbox,
    and is told after the next start.
    """

    def __init__(self, registry: CollectorRegistry, outbox: Outbox, *, first_wait_s: float = _FIRST_WAIT_S) -> None:
        text = "Messages to webhooks of budgets by how they ended: delivered, failed, queue_full or stopped."
        self._counted = Counter("spanmeter_budget_webhooks", text, ["budget", "outcome"], registry=registry)
        self._outbox = outbox
        self._first_wait_s = first_wait_s
        self._waiting: list[_Due] = []
        self._numbers = count()
        self._ending = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._post_all, name="spanmeter-webhooks", daemon=True)
        for message in outbox.waiting():
            self._enqueue(message)
        self._thread.start()

    def tell(self, message: Message) -> None:
        """Let a message go out; one that finds no room is left out."""
        self._outbox.keep(message)
        self._enqueue(message)

    def close(self) -> None:
        """End what is under way, and leave the rest to the next start."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(_ENDS_S + _TIMEOUT_S)

    def _enqueue(self, message: Message) -> None:
        with self._changed:
            has_room = len(self._waiting) < _MOST_WAITING
            if has_room:
                self._put(message)
        if not has_room:
            self._end(message, "queue_full")

    def _put(self, message: Message, *, attempts: int = 0) -> None:
        wait_s = self._first_wait_s * 2 ** (attempts - 1) if attempts else 0.0
        heapq.heappush(self._waiting, _Due(monotonic() + wait_s, next(self._numbers), attempts, message))
        self._changed.notify()

    def _next(self) -> _Due | None:
        """Wait until an attempt is due; None at the end."""
        with self._changed:
            while not self._ending:
                wait_s = self._waiting[0].at - monotonic() if self._waiting else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._waiting)
                self._changed.wait(wait_s)
        return None

    def _post_all(self) -> None:
        while (due := self._next()) is not None:
            self._post(due.message, due.attempts + 1)
        for due in sorted(self._waiting):
            self._end(due.message, "stopped")

    def _post(self, message: Message, attempts: int) -> None:
        refusal = _attempt(message)
        if not refusal:
            self._end(message, "delivered")
            return
        _logger.warning("the webhook of budget %s: %s", message.budget, refusal)
        if attempts == ATTEMPTS:
            self._end(message, "failed")
            return
        with self._changed:
            self._put(message, attempts=attempts)

    def _end(self, message: Message, outcome: str) -> None:
        self._counted.labels(budget=message.budget, outcome=outcome).inc()
        if outcome == "stopped":
            _logger.warning("the webhook of budget %s is told after the next start", message.budget)
            return
        self._outbox.drop(message)
        if outcome != "delivered":
            _logger.error("the webhook of budget %s was not told: %s", message.budget, outcome)


def _attempt(message: Message) -> str:
    """Why the address did not take a message; empty when it did."""
    destination = Destination(Forwarding(message.url))
    try:
        response = destination.post("", json.dumps(message.body).encode(), _HEADERS, most_s=_TIMEOUT_S)
    except HTTPError as error:
        return type(error).__name__  # its text names the address
    finally:
        destination.close()
    return "" if 200 <= response.status < 300 else f"status {response.status}"
