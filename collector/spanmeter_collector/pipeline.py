"""The pipeline: request -> log -> acknowledgement; then out of the log, priced and stored in batches."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, Queue
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from spanmeter.pricing import PriceBook
from spanmeter_collector.backlog import Amount, Backlog, Limits
from spanmeter_collector.counter import counters, point_count
from spanmeter_collector.intake import Intake
from spanmeter_collector.log import Log, Position
from spanmeter_collector.otlp import Signal
from spanmeter_collector.record import Record
from spanmeter_collector.status import OK, Status
from spanmeter_collector.store import Store
from spanmeter_collector.storing import Forward, Storing, to_nobody

_GROUP_BYTES: Final = 4 * 2**20
_PROBE_S: Final = 1.0
_DISK_WAIT_S: Final = 10.0
_LIMITS: Final = Limits()
_logger = logging.getLogger(__name__)


class UnavailableError(RuntimeError):
    """A request cannot be taken now; the message says why. The sender may try again after `wait_s` seconds."""

    reason = "unavailable"
    """For the counter of refused requests."""
    wait_s = 2.0

    def __init__(self, sentence: str, *, wait_s: float = wait_s) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


class OverloadedError(UnavailableError):
    """Too much waits for the store or the disk."""

    reason = "overloaded"


class DiskFullError(UnavailableError):
    """There is too little room on the disk for the log and for storing what is in it."""

    reason = "disk_full"


@dataclass(frozen=True, slots=True)
class _Entry:
    record: Record
    done: Future[Position] = field(default_factory=Future)


class Pipeline:
    """Two worker threads around the log and the store; `submit` may be called from any thread.

    What is acknowledged is in the log, and read back from there to be stored: memory holds a batch, however long the
    backlog is. A worker that fails turns readiness red with its reason; `close` raises what ended it.
    """

    def __init__(  # noqa: PLR0913  what it works on, each by its name
        self,
        *,
        log: Log,
        store: Store,
        book: PriceBook,
        status: Status,
        limits: Limits = _LIMITS,
        content: bool = False,
        forward: Forward | None = None,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._log = log
        self._store = store
        self._book = book
        self._status = status
        self._now = now
        self._backlog = Backlog(limits)
        self._forward = forward or to_nobody
        self._storing = Storing(
            log=log, store=store, status=status, backlog=self._backlog, content=content, forward=self._forward, now=now
        )
        self._incoming: Queue[_Entry | None] = Queue()
        self._has_refused = False
        self._is_disk_full = False
        self._closing = threading.Event()
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="spanmeter")
        self._workers: dict[str, Future[None]] = {}
        status.watch(self._backlog)
        status.ask("disk", self._disk)
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
        """Count what the log holds from an earlier run, then start both workers: it is stored first."""
        for waiting in self._log.waiting():
            for_s = max(self._now() / 1e9 - waiting.since / 1e3, 0)
            self._backlog.wait(waiting.end, Amount(waiting.spans, waiting.size), for_s=for_s)
        for name, work in (("log", self._append_all), ("store", partial(self._storing.run, self.book))):
            worker = self._workers[name] = self._executor.submit(work)
            worker.add_done_callback(partial(self._note_end, name))

    def check_room(self) -> None:
        """Ask whether a request would be taken in, before its body is opened: refusing must cost little.

        Raises:
            OverloadedError: too much is pending.
            DiskFullError: the disk is nearly full.
            UnavailableError: the pipeline has ended.
        """
        self._check_backlog()
        disk = self._disk()
        self._tell_disk(disk)
        if disk != OK:
            raise DiskFullError(f"the disk is {disk}; try again later", wait_s=_DISK_WAIT_S)

    def _tell_disk(self, disk: str) -> None:
        if (is_full := disk != OK) is self._is_disk_full:
            return
        self._is_disk_full = is_full
        if is_full:
            _logger.warning("the disk is %s: requests are refused until there is room", disk)
        else:
            _logger.info("the disk has room again: requests are taken")

    def _check_backlog(self) -> None:
        if self._closing.is_set() or self._workers["log"].done():
            raise UnavailableError("the sidecar is not taking requests; see /ready")
        if overload := self._backlog.overload:
            wait_s = max(self._storing.wait_s, UnavailableError.wait_s)
            raise OverloadedError(f"{overload}; try again later", wait_s=wait_s)

    def submit(self, signal: Signal, intake: Intake, *, transport: str) -> Future[Position]:
        """Take a request in; the future is done when it is safe on disk, and then it may be acknowledged.

        The future fails with OSError when the disk refuses, and cannot be cancelled: who waits no longer changes
        nothing. Whether the disk has room, `check_room` asks.

        Raises:
            OverloadedError: too much is pending.
            UnavailableError: the pipeline has ended.
        """
        self._check_backlog()
        entry = _Entry(Record(self._now() // 1_000_000, signal, intake.body, intake.spans))
        self._backlog.take_in(entry.record)
        count = partial(self._count, intake.spans, intake.metrics, transport)
        entry.done.set_running_or_notify_cancel()
        entry.done.add_done_callback(lambda done: count() if not done.exception() else None)
        self._incoming.put(entry)
        return entry.done

    def close(self, *, within_s: float) -> None:
        """Store what is pending, as far as time allows, and stop; what is left, and no more, stays in the log.

        Raises:
            Exception: what ended a worker earlier.
        """
        self._closing.set()
        self._incoming.put(None)
        deadline = time.monotonic() + within_s
        _wait(self._workers["log"], deadline)
        self._storing.complete()
        _wait(self._workers["store"], deadline)
        self._storing.stop()
        self._executor.shutdown(wait=True)
        self._log.drop_stored()
        self._refuse_waiting("the sidecar stops")
        for worker in self._workers.values():
            worker.result()

    def _disk(self) -> str:
        return self._backlog.disk_full(self._log.free_bytes) or OK

    def _count(self, spans: int, metrics: ExportMetricsServiceRequest | None, transport: str) -> None:
        self._status.received_requests.labels(transport=transport).inc()
        self._status.received_spans.inc(spans)
        if metrics is not None:
            self._status.ignored_metrics.inc(point_count(metrics) - len(counters(metrics, received_at=0)))

    def _append_all(self) -> None:
        for group in self._groups():
            records = [entry.record for entry in group]
            try:
                with self._status.log_sync_seconds.time():
                    ends = self._log.append(records)
            except OSError as error:
                self._has_refused = True
                self._status.report("log", f"cannot append: {error}")
                self._backlog.give_up(records)
                _fail(group, error)
            else:
                self._has_refused = False
                self._status.report("log")
                self._note_synced(group, ends)

    def _note_synced(self, group: list[_Entry], ends: list[Position]) -> None:
        if group:
            self._backlog.note_synced([entry.record for entry in group], ends[-1])
            self._storing.notify()
        for entry, end in zip(group, ends, strict=True):
            entry.done.set_result(end)
            self._forward(Signal(entry.record.signal), entry.record.body, entry.record.spans)

    def _groups(self) -> Iterator[list[_Entry]]:
        """Everything that waits, as one group for one sync: the slower the disk, the larger the groups.

        Nobody may send to a sidecar that is not ready, so a log that refused is tried again with an empty group.
        """
        while True:
            try:
                entry = self._incoming.get(timeout=_PROBE_S if self._has_refused else None)
            except Empty:
                yield []
                continue
            if entry is None:
                return
            yield self._group(entry)

    def _group(self, entry: _Entry) -> list[_Entry]:
        group, size = [entry], len(entry.record.body)
        while size < _GROUP_BYTES and not self._incoming.empty():
            following = self._incoming.get()
            if following is None:
                self._incoming.put(None)
                break
            group.append(following)
            size += len(following.record.body)
        return group

    def _note_end(self, name: str, worker: Future[None]) -> None:
        if (error := worker.exception()) is None:
            return
        _logger.critical("the %s worker ended", name, exc_info=error)
        self._status.end(name, f"the worker ended: {type(error).__name__}: {error}")
        if name == "log":
            self._refuse_waiting("the log worker ended")

    def _refuse_waiting(self, sentence: str) -> None:
        while not self._incoming.empty():
            if (entry := self._incoming.get()) is not None:
                _fail([entry], UnavailableError(sentence))


def _fail(group: list[_Entry], error: Exception) -> None:
    for entry in group:
        entry.done.set_exception(error)


def _wait(worker: Future[None], deadline: float) -> None:
    try:
        worker.exception(max(deadline - time.monotonic(), 0))
    except TimeoutError:
        _logger.warning("time is up before everything was stored; the rest stays in the log")
