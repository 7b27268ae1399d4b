"""The backlog: what was taken in and is not yet stored, and when no more may be taken in."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from spanmeter_collector.log import Position
from spanmeter_collector.record import Record


@dataclass(frozen=True, slots=True)
class Limits:
    """When further requests are refused.

    Spans and bytes that wait for the store are on disk alone; bytes that wait for the disk are in memory.
    """

    pending_spans: int = 1_048_576
    pending_bytes: int = 2**30
    unsynced_bytes: int = 64 * 2**20
    free_bytes: int = 64 * 2**20

    @classmethod
    def of_megabytes(cls, megabytes: int) -> Self:
        """Limits for a log of this size; a span counts as one kilobyte at least."""
        return cls(pending_spans=megabytes * 1024, pending_bytes=megabytes * 2**20)


_LONG_S: Final = 60.0


class Amount(NamedTuple):
    """Spans and bytes of requests."""

    spans: int = 0
    size: int = 0

    @classmethod
    def of(cls, records: Iterable[Record]) -> Amount:
        """What these records come to."""
        total = cls()
        for record in records:
            total = total.plus(Amount(record.spans, record.size))
        return total

    def plus(self, other: Amount) -> Amount:
        """The sum."""
        return Amount(self.spans + other.spans, self.size + other.size)

    def minus(self, other: Amount) -> Amount:
        """The difference."""
        return Amount(self.spans - other.spans, self.size - other.size)


class _Group(NamedTuple):
    end: Position
    amount: Amount
    since: float


class Backlog:
    """Counts what waits for the disk and what waits for the store; safe to share between threads."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._groups: deque[_Group] = deque()
        self._stored = Position(0, 0)
        self._unsynced = Amount()
        self.synced = Amount()
        """What is in the log and not yet stored, as far as it was counted."""

    @property
    def spans(self) -> int:
        """Spans that wait for the disk or the store."""
        return self._unsynced.spans + self.synced.spans

    @property
    def size(self) -> int:
        """Bytes of the log that wait for the store."""
        return self.synced.size

    @property
    def age(self) -> float:
        """Seconds that the oldest of what is in the log waits for the store."""
        with self._lock:
            return time.monotonic() - self._groups[0].since if self._groups else 0.0

    @property
    def overload(self) -> str:
        """Why no more can be taken in; empty when it can."""
        if self.spans >= self._limits.pending_spans or self.size >= self._limits.pending_bytes:
            return f"{self.spans} spans wait for the store"
        if self._unsynced.size >= self._limits.unsynced_bytes:
            return f"{self._unsynced.size} bytes wait for the disk"
        return ""

    @property
    def standing(self) -> str:
        """Why figures lag behind by more than a minute or requests are refused; empty when neither is so."""
        age = self.age
        lag = f"the oldest of {self.spans} spans has waited {age:.0f} s for the store" if age > _LONG_S else ""
        refusing = f"requests are refused: {overload}" if (overload := self.overload) else ""
        return "; ".join(filter(None, (refusing, lag)))

    def disk_full(self, free_bytes: int) -> str:
        """Why the disk has too little room; empty when it has enough.

        Half the size of what waits is enough to store it, so the log never takes the room that emptying it needs.
        """
        needed = self._limits.free_bytes + self.size // 2
        return "" if free_bytes >= needed else f"nearly full: {free_bytes:,} bytes are free, {needed:,} are needed"

    def take_in(self, record: Record) -> None:
        """A request waits for the disk."""
        with self._lock:
            self._unsynced = self._unsynced.plus(Amount.of([record]))

    def give_up(self, records: Sequence[Record]) -> None:
        """The disk refused requests."""
        with self._lock:
            self._unsynced = self._unsynced.minus(Amount.of(records))

    def note_synced(self, records: Sequence[Record], end: Position) -> None:
        """Requests are in the log, up to a position."""
        self.give_up(records)
        self.wait(end, Amount.of(records))

    def wait(self, end: Position, amount: Amount, *, for_s: float = 0.0) -> None:
        """What is in the log up to a position waits for the store, and has done so for some seconds."""
        with self._lock:
            if end > self._stored:
                self._groups.append(_Group(end, amount, time.monotonic() - for_s))
                self.synced = self.synced.plus(amount)

    def settle(self, stored: Position) -> None:
        """The store has everything up to a position."""
        with self._lock:
            self._stored = stored
            while self._groups and self._groups[0].end <= stored:
                self.synced = self.synced.minus(self._groups.popleft().amount)
