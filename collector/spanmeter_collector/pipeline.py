"""The pipeline: request -> log -> acknowledgement; then read, price and store in batches."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from queue import Empty, Queue
from typing import Final

from clickhouse_connect.driver.exceptions import Error as StoreError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from spanmeter.pricing import PriceBook
from spanmeter_collector.counter import counters, point_count
from spanmeter_collector.log import Log, Position, Record
from spanmeter_collector.otlp import MalformedError, Request, Signal, parse, span_count
from spanmeter_collector.posting import Received, post
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store

_BATCH_SPANS: Final = 16_384
_BATCH_SECONDS: Final = 1.0
_GROUP_BYTES: Final = 4 * 2**20
_LONGEST_WAIT_S: Final = 30.0
_logger = logging.getLogger(__name__)


class UnavailableError(RuntimeError):
    """A request cannot be taken now; the message says why. The sender may try again after `wait_s`."""

    wait_s: float = 2.0


class OverloadedError(UnavailableError):
    """More is pending than may be; it becomes less on its own."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be acknowledged and not yet stored, before further requests are refused."""

    pending_spans: int = 200_000
    pending_bytes: int = 128 * 2**20


_LIMITS: Final = Limits()
Forward = Callable[[Signal, bytes, int], None]
"""Takes an acknowledged body, with how many spans are in it; never blocks and never raises."""


def _nowhere(_signal: Signal, _body: bytes, _spans: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class _Entry:
    record: Record
    request: Request
    spans: int
    repeated: bool = False
    done: Future[Position] = field(default_factory=Future)

    @property
    def position(self) -> Position:
        return self.done.result(0)


class Pipeline:
    """Two worker threads around the log and the store; `submit` may be called from any thread.

    A worker that fails turns readiness red with its reason; `close` raises what ended it.
    """

    def __init__(  # noqa: PLR0913  what the process around it gives, each by its name
        self,
        *,
        log: Log,
        store: Store,
        book: PriceBook,
        status: Status,
        limits: Limits = _LIMITS,
        content: bool = False,
        forward: Forward | None = None,
    ) -> None:
        self._log = log
        self._store = store
        self._book = book
        self._status = status
        self._limits = limits
        self._content = content
        self._forward = forward or _nowhere
        self._incoming: Queue[_Entry | None] = Queue()
        self._logged: Queue[_Entry | None] = Queue()
        self._accounts = threading.Lock()
        self._pending_spans = 0
        self._pending_bytes = 0
        self._closing = threading.Event()
        self._out_of_time = threading.Event()
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="spanmeter")
        self._workers: dict[str, Future[None]] = {}
        self.use(book)

    def use(self, book: PriceBook) -> None:
        """Price with another book from the next batch on."""
        self._book = book
        self._status.price_book.clear()
        self._status.price_book.labels(version=book.version).set(1)

    def book(self) -> PriceBook:
        """The book that calls are priced with at this moment."""
        return self._book

    @property
    def closed_days(self) -> frozenset[int]:
        """The days, counted from 1970, whose spans are refused, for retention dropped them."""
        return self._store.closed

    def start(self) -> None:
        """Take up what the log holds from an earlier run, then start both workers."""
        for position, record in self._log.replay():
            self._take_up(position, record)
        self._status.refused_requests.labels(reason="damaged_log").inc(self._log.damaged)
        for name, work in (("log", self._append_all), ("store", self._store_all)):
            worker = self._workers[name] = self._executor.submit(work)
            worker.add_done_callback(partial(self._note_end, name))

    def submit(self, signal: Signal, request: Request, body: bytes, *, transport: str) -> Future[Position]:
        """Take a request in; the future is done when it is safe on disk, and then it may be acknowledged.

        `body` is the request in protobuf. The future fails with OSError when the disk refuses.

        Raises:
            UnavailableError: too much is pending, or the pipeline has ended.
        """
        if self._closing.is_set() or self._workers["log"].done():
            raise UnavailableError("the sidecar is not taking requests; see /ready")
        entry = _Entry(Record(time.time_ns() // 1_000_000, signal, body), request, span_count(request))
        self._admit(entry)
        entry.done.add_done_callback(lambda done: self._count(entry, transport) if not done.exception() else None)
        self._incoming.put(entry)
        return entry.done

    def close(self, *, within_s: float) -> None:
        """Store what is pending, as far as time allows, and stop; what is left stays in the log.

        Raises:
            Exception: what ended a worker earlier.
        """
        self._closing.set()
        self._incoming.put(None)
        deadline = time.monotonic() + within_s
        _wait(self._workers["log"], deadline)
        self._logged.put(None)
        _wait(self._workers["store"], deadline)
        self._out_of_time.set()
        self._executor.shutdown(wait=True)
        for worker in self._workers.values():
            worker.result()

    def _take_up(self, position: Position, record: Record) -> None:
        try:
            request = parse(Signal(record.signal), record.body)
        except (MalformedError, ValueError):
            _logger.warning("the log holds a record before %s that is no request; it is left out", position)
            self._status.refused_requests.labels(reason="damaged_log").inc()
            return
        entry = _Entry(record, request, span_count(request), repeated=True)
        entry.done.set_result(position)
        self._account(entry, 1)
        self._logged.put(entry)
        self._forward(Signal(record.signal), record.body, entry.spans)

    def _admit(self, entry: _Entry) -> None:
        with self._accounts:
            full = (
                self._pending_spans >= self._limits.pending_spans or self._pending_bytes >= self._limits.pending_bytes
            )
            spans = self._pending_spans
        if full:
            raise OverloadedError(f"{spans} spans wait for the store; try again later")
        self._account(entry, 1)

    def _account(self, entry: _Entry, sign: int) -> None:
        with self._accounts:
            self._pending_spans += sign * entry.spans
            self._pending_bytes += sign * len(entry.record.body)
            self._status.pending_spans.set(self._pending_spans)

    def _count(self, entry: _Entry, transport: str) -> None:
        self._status.received_requests.labels(transport=transport).inc()
        self._status.received_spans.inc(entry.spans)
        if isinstance(entry.request, ExportMetricsServiceRequest):
            self._status.ignored_metrics.inc(point_count(entry.request) - len(counters(entry.request)))

    def _append_all(self) -> None:
        for group in self._groups():
            try:
                with self._status.log_sync_seconds.time():
                    ends = self._log.append([entry.record for entry in group])
            except OSError as error:
                self._status.report("log", f"cannot append: {error}")
                _fail(group, error)
                for entry in group:
                    self._account(entry, -1)
                continue
            self._status.report("log")
            for entry, end in zip(group, ends, strict=True):
                self._logged.put(entry)
                entry.done.set_result(end)
                self._forward(Signal(entry.record.signal), entry.record.body, entry.spans)

    def _groups(self) -> Iterator[list[_Entry]]:
        """Everything that waits, as one group for one sync."""
        while (entry := self._incoming.get()) is not None:
            group, size = [entry], len(entry.record.body)
            while size < _GROUP_BYTES and not self._incoming.empty():
                following = self._incoming.get()
                if following is None:
                    self._incoming.put(None)
                    break
                group.append(following)
                size += len(following.record.body)
            yield group

    def _store_all(self) -> None:
        for batch in self._batches():
            if self._out_of_time.is_set():
                return
            if not self._store_batch(batch) and not self._stored_later(
                [replace(entry, repeated=True) for entry in batch]
            ):
                return

    def _stored_later(self, batch: list[_Entry]) -> bool:
        """Try again until the store takes the batch; False when there is no time for that any more."""
        wait = 1.0
        while not self._closing.wait(wait):
            if self._store_batch(batch):
                return True
            wait = min(2 * wait, _LONGEST_WAIT_S)
        return False

    def _batches(self) -> Iterator[list[_Entry]]:
        """What came in within a second, or as many spans as make a good batch."""
        ended = False
        while not ended and (entry := self._logged.get()) is not None:
            batch, spans, deadline = [entry], entry.spans, time.monotonic() + _BATCH_SECONDS
            while spans < _BATCH_SPANS and (left := deadline - time.monotonic()) > 0:
                try:
                    following = self._logged.get(timeout=left)
                except Empty:
                    break
                if following is None:
                    ended = True
                    break
                batch.append(following)
                spans += following.spans
            yield batch

    def _store_batch(self, batch: list[_Entry]) -> bool:
        """Write a batch and forget it; False when the store refused and the batch is to be tried again."""
        try:
            spans = self._write(batch)
        except (StoreError, OSError) as error:
            _logger.exception("the store refused a batch of %d requests; it stays in the log", len(batch))
            self._status.report("store", f"cannot write: {error}")
            return False
        self._status.report("store")
        self._status.batch_spans.observe(spans)
        self._status.log_bytes.set(self._log.size)
        for entry in batch:
            self._account(entry, -1)
        return True

    def _write(self, batch: list[_Entry]) -> int:
        first, last = batch[0].position, batch[-1].position
        received = [Received(entry.request, entry.record.received_at, repeated=entry.repeated) for entry in batch]
        with self._status.store_write_seconds.time(), self._store.ledger:
            now = time.time_ns() // 1_000_000
            posted = post(received, store=self._store, book=self._book, recorded_at=now, content=self._content)
            self._store.write(posted, token=f"{first.segment}-{first.offset}-{last.segment}-{last.offset}")
        self._log.checkpoint(last)
        self._status.stored_spans.inc(len(posted.rows))
        self._status.refused_spans.labels(reason="too_old").inc(posted.too_old)
        self._status.repeated_spans.inc(sum(entry.spans for entry in batch) - len(posted.rows) - posted.too_old)
        return len(posted.rows)

    def _note_end(self, name: str, worker: Future[None]) -> None:
        if (error := worker.exception()) is None:
            return
        _logger.critical("the %s worker ended", name, exc_info=error)
        self._status.report(name, f"the worker ended: {type(error).__name__}: {error}")
        while name == "log" and not self._incoming.empty():
            if (entry := self._incoming.get()) is not None:
                _fail([entry], UnavailableError("the log worker ended"))


def _fail(group: list[_Entry], error: Exception) -> None:
    for entry in group:
        entry.done.set_exception(error)


def _wait(worker: Future[None], deadline: float) -> None:
    try:
        worker.exception(max(deadline - time.monotonic(), 0))
    except TimeoutError:
        _logger.warning("time is up before everything was stored; the rest stays in the log")
