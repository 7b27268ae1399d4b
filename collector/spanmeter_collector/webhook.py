"""Webhooks: who wants to know of a threshold is told by a POST with JSON, out of a queue of its own.

Whatever an address does, nothing waits for it and nothing fails. Its path and query are secrets: no log shows them.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from typing import Final

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


class Webhooks:
    """One thread and a bounded queue; each message is tried up to six times, with pauses of 1 s to 16 s between.

    What is given up and what finds no room is counted and logged. What waits when the sidecar ends stays in the outbox,
    and is told after the next start.
    """

    def __init__(self, registry: CollectorRegistry, outbox: Outbox, *, first_wait_s: float = _FIRST_WAIT_S) -> None:
        text = "Messages to webhooks of budgets by how they ended: delivered, failed, queue_full or stopped."
        self._counted = Counter("spanmeter_budget_webhooks", text, ["budget", "outcome"], registry=registry)
        self._outbox = outbox
        self._first_wait_s = first_wait_s
        self._waiting: queue.Queue[Message | None] = queue.Queue(_MOST_WAITING)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._post_all, name="spanmeter-webhooks", daemon=True)
        for message in outbox.waiting():
            self._enqueue(message)
        self._thread.start()

    def tell(self, message: Message) -> None:
        """Let a message go out; one that finds no room is left out."""
        self._outbox.keep(message)
        self._enqueue(message)

    def _enqueue(self, message: Message) -> None:
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            self._end(message, "queue_full")

    def close(self) -> None:
        """End what is under way, and leave the rest to the next start."""
        self._ending.set()
        with_room = threading.Thread(target=self._waiting.put, args=(None,), daemon=True)
        with_room.start()
        self._thread.join(_ENDS_S + _TIMEOUT_S)

    def _post_all(self) -> None:
        while (message := self._waiting.get()) is not None:
            self._end(message, "stopped" if self._ending.is_set() else self._post(message))

    def _post(self, message: Message) -> str:
        wait_s = self._first_wait_s
        for attempt in range(ATTEMPTS):
            if attempt and self._ending.wait(wait_s * 2 ** (attempt - 1)):
                return "stopped"
            refusal = _attempt(message)
            if not refusal:
                return "delivered"
            _logger.warning("the webhook of budget %s: %s", message.budget, refusal)
        return "failed"

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
