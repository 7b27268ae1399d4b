"""Forwarding: everything that was acknowledged goes on to another OTLP endpoint, out of a queue of its own.

Bodies go as they came in, after redaction, several as one request: protobuf messages of one type that follow each
other are one message with the parts of all (https://protobuf.dev/programming-guides/encoding/#last-one-wins). How they
travel and what is tried again is for the way there, `forward_http` or `forward_grpc`.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Gauge

from spanmeter_collector.destination import Destination
from spanmeter_collector.forward_grpc import SCHEMES as GRPC_SCHEMES
from spanmeter_collector.forward_grpc import GrpcWay
from spanmeter_collector.forward_http import HttpWay
from spanmeter_collector.otlp import Signal
from spanmeter_collector.reply import ALL, Reply, Way
from spanmeter_collector.settings import Forwarding
from spanmeter_collector.status import OK

_BATCH_BYTES: Final = 4 * 2**20
_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 30.0
_LAST_ATTEMPT_S: Final = 1.0
"""How much later than it may begin the last attempt is over."""
_logger = logging.getLogger(__name__)


def way_to(forwarding: Forwarding) -> Way:
    """The way that the scheme of an address asks for."""
    by_grpc = urlsplit(forwarding.url).scheme in GRPC_SCHEMES
    return GrpcWay(forwarding) if by_grpc else HttpWay(Destination(forwarding))


class _Piece(NamedTuple):
    signal: Signal
    body: bytes
    spans: int


class _Figures:
    """What is known of the way on, in the registry of /metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        name = "spanmeter_collector_forward"
        self.spans = Counter(f"{name}ed_spans", "Spans that the other endpoint took.", registry=registry)
        lost = "Spans that did not go on: queue_full, refused by the other endpoint, or stopped before."
        self.lost = Counter(f"{name}_lost_spans", lost, ["reason"], registry=registry)
        for reason in ("queue_full", "refused", "stopped"):
            self.lost.labels(reason=reason)
        self.failures = Counter(f"{name}_failed_attempts", "Attempts that are made again.", registry=registry)
        self.bytes = Gauge(f"{name}_queue_bytes", "Bytes that wait to go on.", registry=registry)


class Forwarder:
    """One thread and a bounded queue in memory; `take` never waits for the endpoint and never fails.

    When the queue is full the oldest bodies are left out. What does not go on is counted, by reason.
    """

    def __init__(
        self,
        way: Way,
        registry: CollectorRegistry,
        *,
        queue_bytes: int,
        first_wait_s: float = _FIRST_WAIT_S,
    ) -> None:
        self._way = way
        self._queue_bytes = queue_bytes
        self._first_wait_s = first_wait_s
        self._figures = _Figures(registry)
        self._queue: deque[_Piece] = deque()
        self._bytes = 0
        self._news = threading.Condition()
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._well = True
        self.standing = OK
        """"ok", or why the endpoint does not take what comes."""
        self._thread = threading.Thread(target=self._send_all, name="forward", daemon=True)
        self._thread.start()

    def take(self, signal: Signal, body: bytes, spans: int) -> None:
        """Let a body go on, in place of the oldest ones where there is no room."""
        piece = _Piece(signal, body, spans)
        with self._news:
            while self._queue and self._bytes + len(body) > self._queue_bytes:
                self._lose([self._queue.popleft()], "queue_full")
            self._account(len(body))
            if self._bytes > self._queue_bytes:
                self._lose([piece], "queue_full")
            else:
                self._queue.append(piece)
                self._news.notify()

    def close(self, *, within_s: float) -> None:
        """Send what waits, as far as time allows; what is left is lost, counted and logged."""
        with self._news:
            self._deadline = time.monotonic() + within_s
            self._closing.set()
            self._news.notify()
        self._thread.join(within_s + _LAST_ATTEMPT_S)
        with self._news:
            left = list(self._queue)
            self._queue.clear()
            self._lose(left, "stopped")
        if left:
            _logger.warning("%d requests did not go on before the end", len(left))
        self._way.close()

    def _account(self, size: int) -> None:
        self._bytes += size
        self._figures.bytes.set(self._bytes)

    def _lose(self, pieces: list[_Piece], reason: str) -> None:
        self._account(-sum(len(piece.body) for piece in pieces))
        self._figures.lost.labels(reason=reason).inc(sum(piece.spans for piece in pieces))

    def _send_all(self) -> None:
        while batch := self._next():
            taken = self._send(batch)
            with self._news:
                if taken:
                    self._account(-sum(len(piece.body) for piece in batch))
                else:
                    self._queue.extendleft(reversed(batch))
                    return

    def _next(self) -> list[_Piece]:
        """The oldest bodies that go as one; none when there are no more to come."""
        with self._news:
            self._news.wait_for(lambda: self._queue or self._closing.is_set())
            batch: list[_Piece] = []
            size = 0
            while self._queue and (
                not batch
                or (self._queue[0].signal is batch[0].signal and size + len(self._queue[0].body) <= _BATCH_BYTES)
            ):
                batch.append(self._queue.popleft())
                size += len(batch[-1].body)
            return batch

    def _send(self, batch: list[_Piece]) -> bool:
        """Try until the endpoint takes or refuses a batch; False when time is up before."""
        body, spans = self._way.packed([piece.body for piece in batch]), sum(piece.spans for piece in batch)
        wait = self._first_wait_s
        while time.monotonic() < self._deadline:
            reply = self._way.send(batch[0].signal, body, most_s=self._deadline - time.monotonic())
            self._note(reply)
            if reply.done:
                refused = spans if reply.refused_spans == ALL else reply.refused_spans
                self._figures.spans.inc(spans - refused)
                self._figures.lost.labels(reason="refused").inc(refused)
                return True
            self._figures.failures.inc()
            self._pause(max(reply.wait_s, wait * random.uniform(0.8, 1.2)))  # noqa: S311  # no secret
            wait = min(2 * wait, _LONGEST_WAIT_S)
        return False

    def _pause(self, wait_s: float) -> None:
        if self._closing.is_set():
            time.sleep(max(min(wait_s, self._first_wait_s, self._deadline - time.monotonic()), 0))
        else:
            self._closing.wait(wait_s)

    def _note(self, reply: Reply) -> None:
        """Log when the endpoint stops to take what comes, and when it takes it again."""
        self.standing = f"what comes is not taken: {reply.reason}" if reply.reason else OK
        if bool(reply.reason) is self._well:
            self._well = not self._well
            what = "what waits goes on" if self._well else "what comes is not taken"
            _logger.log(
                logging.INFO if self._well else logging.WARNING,
                "%s: %s",
                self._way.shown,
                what,
                extra={"reason": reply.reason} if reply.reason else {},
            )
