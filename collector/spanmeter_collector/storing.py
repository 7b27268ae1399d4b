"""Storing: what the log holds and the store lacks is read back, posted and written, batch by batch.

A batch that fails is tried again, in halves too, so that one request that cannot be stored holds up no other. It is set
aside when it fails three times since others could be stored beside it; as long as none can be, all of them wait.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from clickhouse_connect.driver.exceptions import Error as StoreError
from clickhouse_connect.driver.exceptions import OperationalError

from spanmeter.pricing import PriceBook
from spanmeter_collector.backlog import Amount, Backlog
from spanmeter_collector.connection import said
from spanmeter_collector.incoming import Received
from spanmeter_collector.log import Log, Position
from spanmeter_collector.otlp import MalformedError, Signal, parse, span_count
from spanmeter_collector.posting import post
from spanmeter_collector.record import Record
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store
from spanmeter_collector.turns import stand_back

_BATCH_SPANS: Final = 32_768
_BATCH_BYTES: Final = 32 * 2**20
_BATCH_SECONDS: Final = 1.0
"""How old what came first may become before it is stored, be it a whole batch or not."""
_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 10.0
_MOST_FAILURES: Final = 3
_UNAVAILABLE: Final = frozenset(
    {
        "CANNOT_ALLOCATE_MEMORY",
        "CANNOT_CREATE_FILE",
        "CANNOT_FSYNC",
        "CANNOT_OPEN_FILE",
        "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
        "KEEPER_EXCEPTION",
        "MEMORY_LIMIT_EXCEEDED",
        "NETWORK_ERROR",
        "NOT_ENOUGH_SPACE",
        "READONLY",
        "SOCKET_TIMEOUT",
        "TABLE_IS_READ_ONLY",
        "TIMEOUT_EXCEEDED",
        "TOO_MANY_PARTS",
        "TOO_MANY_SIMULTANEOUS_QUERIES",
        "UNKNOWN_TABLE",
    }
)
"""Errors of ClickHouse that say nothing about the data, see its src/Common/ErrorCodes.cpp."""
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request on its way from the log into the store; `repeated` when it may have been posted before."""

    end: Position
    record: Record
    signal: Signal
    spans: int
    repeated: bool


_Errors = dict[Position, Exception]
Forward = Callable[[Signal, bytes, int], None]
"""Takes an acknowledged body, with how many spans are in it; never blocks and never raises."""


def to_nobody(_signal: Signal, _body: bytes, _spans: int) -> None:
    """Forward nothing."""


class Storing:
    """Works the log off into the store until told to stop; `run` belongs to one thread, the rest to any."""

    def __init__(  # noqa: PLR0913  what it works on, each by its name
        self,
        *,
        log: Log,
        store: Store,
        status: Status,
        backlog: Backlog,
        content: bool,
        forward: Forward,
        now: Callable[[], int],
    ) -> None:
        self._log = log
        self._store = store
        self._status = status
        self._backlog = backlog
        self._content = content
        self._forward = forward
        self._now = now
        self._more = threading.Condition()
        self._is_complete = False
        self._is_stopped = False
        self._earlier = log.end
        self._read = log.stored
        self._held: list[_Waiting] = []
        self._has_failed = False
        self._failures: Counter[Position] = Counter()
        self.wait_s = _FIRST_WAIT_S
        """How long until there may be room again: what the last batch took, or the wait before the next try."""

    def notify(self) -> None:
        """There is more in the log."""
        with self._more:
            self._more.notify()

    def complete(self) -> None:
        """Nothing more comes into the log: `run` ends when everything is stored, or when the store refuses."""
        with self._more:
            self._is_complete = True
            self._more.notify()

    def stop(self) -> None:
        """Let `run` end after the batch under way."""
        self._is_stopped = True
        self.complete()

    def run(self, book: Callable[[], PriceBook]) -> None:
        """Store batches, priced by the book of the moment; who takes requests in goes first."""
        stand_back(threading.get_native_id())
        while self._wait():
            try:
                self._hold_following()
                self._settle(book())
            except OSError as error:
                self._fail(f"cannot work off the log: {error}", error)

    def _wait(self) -> bool:
        """Wait until a batch is worth storing; False when there is nothing more to do."""
        with self._more:
            if self._has_failed:
                self._more.wait_for(lambda: self._is_complete, self.wait_s)
                return not self._is_complete
            self._more.wait_for(lambda: self._is_complete or self._read < self._log.end)
            wait_s = max(_BATCH_SECONDS - self._backlog.age, 0)
            self._more.wait_for(lambda: self._is_complete or _is_enough(self._backlog.synced), wait_s)
            return self._read < self._log.end and not self._is_stopped

    def _hold_following(self) -> None:
        """Hold the requests that follow in the log, as many as make a batch with those that are held already."""
        amount, end = Amount.of([one.record for one in self._held]), self._log.end
        if _is_enough(amount):
            return
        for position, record in self._log.read(self._read):
            if record is None:
                self._status.refused_requests.labels(reason="damaged_log").inc()
            elif waiting := self._opened(position, record):
                self._held.append(waiting)
                if waiting.repeated:
                    self._forward(waiting.signal, record.body, waiting.spans)
                amount = amount.plus(Amount(waiting.spans, record.size))
            self._read = position
            if _is_enough(amount):
                return
        self._read = max(self._read, end)

    def _opened(self, end: Position, record: Record) -> _Waiting | None:
        """A record as it is stored; a request of an older log is read for the number of its spans."""
        try:
            signal = Signal(record.signal)
            spans = record.spans or span_count(parse(signal, record.body))
        except (MalformedError, ValueError) as error:
            self._set_aside(end, record, str(error), reason="damaged_log")
            return None
        return _Waiting(end, record, signal, spans, repeated=end <= self._earlier)

    def _set_aside(self, end: Position, record: Record, why: str, *, reason: str) -> None:
        self._log.set_aside(end, record, why)
        self._status.refused_requests.labels(reason=reason).inc()

    def _settle(self, book: PriceBook) -> None:
        """Store what is held; what fails stays held or is set aside."""
        started = time.monotonic()
        errors = self._try(self._held, book)
        self._note_failures(errors)
        self._held = [replace(one, repeated=True) for one in self._held if one.end in errors]
        if errors:
            error = next(iter(errors.values()))
            self._fail(f"cannot write: {_said(error)}", error)
            return
        self._backlog.settle(self._read)
        self._log.checkpoint(self._read)
        self._status.report("store")
        self._has_failed = False
        self._failures.clear()
        self.wait_s = max(time.monotonic() - started, _FIRST_WAIT_S)

    def _try(self, batch: Sequence[_Waiting], book: PriceBook) -> _Errors:
        """Store a batch, in halves where it fails; what could not be stored, by where it ends."""
        if not batch:
            return {}
        try:
            self._write(batch, book)
        except Exception as error:  # noqa: BLE001  the barrier: one request must not stop all others
            if len(batch) == 1 or _is_unavailable(error) or self._is_stopped:
                return dict.fromkeys((one.end for one in batch), error)
        else:
            return {}
        half = len(batch) // 2
        return self._try(batch[:half], book) | self._try(batch[half:], book)

    def _write(self, batch: Sequence[_Waiting], book: PriceBook) -> None:
        received = [
            Received(one.signal, one.record.body, one.record.received_at, repeated=one.repeated) for one in batch
        ]
        with self._status.store_write_seconds.time(), self._store.ledger:
            finished, now = self._store.finish(), self._now() // 1_000_000
            posted = post(received, store=self._store, book=book, recorded_at=now, content=self._content)
            self._store.write(posted, token="-".join(map(str, (*batch[0].end, *batch[-1].end))))
        spans = sum(one.spans for one in batch)
        self._status.batch_spans.observe(posted.spans)
        self._status.stored_spans.inc(posted.spans + finished)
        self._status.refused_spans.labels(reason="too_old").inc(posted.too_old)
        self._status.repeated_spans.inc(max(spans - posted.spans - posted.too_old - finished, 0))

    def _note_failures(self, errors: _Errors) -> None:
        """Set aside what fails for the third time since others could be stored beside it."""
        has_company = len(errors) < len(self._held)
        for one in self._held:
            error = errors.get(one.end)
            if error is None or _is_unavailable(error) or not (has_company or one.end in self._failures):
                continue
            self._failures[one.end] += 1
            if self._failures[one.end] >= _MOST_FAILURES:
                self._set_aside(one.end, one.record, _said(error), reason="not_storable")
                del errors[one.end]

    def _fail(self, sentence: str, error: Exception) -> None:
        self.wait_s = min(2 * self.wait_s, _LONGEST_WAIT_S) if self._has_failed else _FIRST_WAIT_S
        self._has_failed = True
        told = None if _is_unavailable(error) else error
        _logger.error("%s; what is not stored stays in the log", sentence, exc_info=told)
        self._status.report("store", sentence)


def _is_enough(amount: Amount) -> bool:
    return amount.spans >= _BATCH_SPANS or amount.size >= _BATCH_BYTES


def _is_unavailable(error: Exception) -> bool:
    """Whether an error says nothing about what was to be stored."""
    return isinstance(error, OSError | OperationalError) or getattr(error, "name", None) in _UNAVAILABLE


def _said(error: Exception) -> str:
    return said(error) if isinstance(error, StoreError | OSError) else f"{type(error).__name__}: {error}"
