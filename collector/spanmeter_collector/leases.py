"""The leases of all budgets: the one place where processes that share a budget meet.

What holders may reach together never is more than the limit less what is spent. A holder that is not heard of for
`LEASE_S` seconds gives back what it did not spend, by a clock that nobody sets. On a server that several sidecars write
to, the table is the truth: a grant is written, then all are read again, and one that does not fit beside the others is
taken back before anybody hears of it, so of two at the same time at least one sees the other.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from spanmeter_collector.budget import BudgetTime, milliseconds
from spanmeter_collector.headroom import Room, headroom
from spanmeter_collector.lease import LEASE_S, ZERO, Ask, Lease
from spanmeter_collector.store import Store

SKEW_S: Final = 5.0
"""By how much the clocks of sidecars that share a server may differ."""
_WAITS_S: Final = 2.0
_WRITTEN_AGAIN_S: Final = 1.0
_LAGS_MS: Final = 600_000
"""How long after a lease ended it is remembered though the server does not know it."""
_PAST_MS: Final = 3_600_000
_KEPT_MS: Final = 35 * 86_400_000
_MOST_KEPT: Final = 1000
_MOST_TIMES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds since 1970, and those of a clock that nobody sets."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    elapsed: Callable[[], float] = time.monotonic


CLOCK: Final = Clock()


@dataclass(frozen=True, slots=True)
class Sums:
    """What the holders of a budget told, together. `lent` is what they may have reached beyond what they spent."""

    spent: Decimal
    reserved: Decimal
    lent: Decimal
    holders: int
    is_waited_for: bool
    stopped: int
    downgraded: int


@dataclass(slots=True)
class _Held:
    """A lease and by our own clock when it was seen first and until when it holds."""

    lease: Lease
    seen_at: float
    until: float


@dataclass(slots=True)
class _Book:
    """The leases of one budget in one period."""

    held: dict[str, _Held] = field(default_factory=dict)

    def sums(self, at: float, *, without: str = "") -> Sums:
        others = [one for holder, one in self.held.items() if holder != without or not holder]
        live = [one.lease for one in others if one.until > at]
        return Sums(
            spent=sum((one.lease.spent for one in others), ZERO),
            reserved=sum((lease.reserved for lease in live), ZERO),
            lent=sum((lease.lent for lease in live), ZERO),
            holders=len(live),
            is_waited_for=any(one.lease.waits and at < min(one.until, one.seen_at + _WAITS_S) for one in others),
            stopped=sum(one.lease.stopped for one in others),
            downgraded=sum(one.lease.downgraded for one in others),
        )


class Leases:
    """Grants and remembers; safe to share between threads."""

    def __init__(self, store: Store, *, clock: Clock = CLOCK) -> None:
        self._store = store
        self._clock = clock
        self._is_shared = store.directory is None
        self._name = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._books: dict[tuple[str, str, int], _Book] = {}
        self._revision = 0

    def lease(self, time: BudgetTime, ask: Ask, ledger_usd: Decimal) -> Lease:
        """What a holder may reach in a period, of which the ledger holds `ledger_usd`; written before it is told."""
        with self._lock:
            book = self._read(time, ask.holder)
            before = book.held.get(ask.holder)
            if before is not None and before.lease.sequence > ask.sequence:
                return before.lease
            given = headroom(ask, self._room(book, time, ask, ledger_usd))
            lease = self._write(time, book, self._lease(ask, before, given))
            if not (self._is_shared and given and self._is_over(time, ask, ledger_usd)):
                return lease
            waiting = replace(self._lease(ask, before, ZERO), waits=True)
            return self._write(time, self._books[time.key], waiting)

    def report(self, time: BudgetTime, ask: Ask) -> None:
        """Keep what a holder tells of a period that is not in force, and grant nothing."""
        with self._lock:
            book = self._read(time, ask.holder)
            before = book.held.get(ask.holder)
            if before is None or before.lease.sequence <= ask.sequence:
                self._write(time, book, self._lease(replace(ask, need=ZERO, want=ZERO), before, ZERO))

    def sums(self, time: BudgetTime) -> Sums:
        """What the holders of a budget told in a period."""
        with self._lock:
            return self._read(time).sums(self._clock.elapsed())

    def sweep(self, endless: Sequence[str]) -> None:
        """Forget what holders told longer ago than the longest period, unless by these terms, which never end."""
        before = milliseconds(self._clock.now()) - _KEPT_MS
        table = {"table": self._store.layout.altered("budget_leases")}
        self._store.execute("sweep_leases", {"before": before, "endless": [*endless]}, table)

    def _room(self, book: _Book, time: BudgetTime, ask: Ask, ledger_usd: Decimal) -> Room:
        others = book.sums(self._clock.elapsed(), without=ask.holder)
        spent = max(others.spent + ask.spent, ledger_usd)
        left = time.budget.limit - spent - others.lent - ask.reserved
        return Room(left, others.holders, others.is_waited_for)

    def _is_over(self, time: BudgetTime, ask: Ask, ledger_usd: Decimal) -> bool:
        """Whether others were granted something at the same time, so that all together are over the limit."""
        sums = self._read(time, ask.holder).sums(self._clock.elapsed())
        return max(sums.spent, ledger_usd) + sums.lent > time.budget.limit

    def _lease(self, ask: Ask, before: _Held | None, given: Decimal) -> Lease:
        granted = ask.used + given
        bound = ask.holds
        if bound is None:
            is_bound = before is not None and before.until > self._clock.elapsed()
            bound = before.lease.granted if before is not None and is_bound else ZERO
        held = ask.spent if ask.release else max(granted, bound)
        self._revision = max(self._revision + 1, time.time_ns())
        lasts_ms = 0 if ask.release else round(LEASE_S * 1000)
        return Lease(
            holder=ask.holder,
            sequence=ask.sequence,
            revision=self._revision,
            spent=ask.spent,
            reserved=ZERO if ask.release else ask.reserved,
            held=held,
            granted=granted,
            waits=ask.need > given,
            stopped=ask.stopped,
            downgraded=ask.downgraded,
            expires_ms=milliseconds(self._clock.now()) + lasts_ms,
        )

    def _write(self, time: BudgetTime, book: _Book, lease: Lease) -> Lease:
        """Only what is new is written: who polls in vain tells the same each time."""
        at, before = self._clock.elapsed(), book.held.get(lease.holder)
        lasts_s = (lease.expires_ms - milliseconds(self._clock.now())) / 1000
        is_news = self._is_shared or before is None or not before.lease.tells_as(lease)
        if is_news or (before is not None and at - before.seen_at > _WRITTEN_AGAIN_S) or not lasts_s:
            told = {name: str(value) if isinstance(value, Decimal) else value for name, value in _fields(lease).items()}
            self._store.note("note_lease", {**time.parameters, "collector": self._name, **told})
        book.held[lease.holder] = _Held(lease, at, at + lasts_s)
        return lease

    def _read(self, time: BudgetTime, holder: str = "") -> _Book:
        """The book of a period; read again where others write too, or where the holder may be among the past ones."""
        book = self._books.get(time.key)
        if book is not None and not self._is_shared:
            is_past = holder and holder not in book.held and "" in book.held
            if not is_past and len(book.held) < _MOST_KEPT:
                return book
        if len(self._books) >= _MOST_TIMES:
            self._books.clear()
        self._books[time.key] = self._asked(time, holder, book or _Book())
        return self._books[time.key]

    def _asked(self, time: BudgetTime, holder: str, known: _Book) -> _Book:
        now = milliseconds(self._clock.now())
        parameters = {**time.parameters, "holder": holder, "past": now - _PAST_MS}
        rows = self._store.query("budget_leases", parameters)
        told = {lease.holder: lease for lease in map(Lease.of, rows)}
        ahead = {holder: one for holder, one in known.held.items() if self._is_ahead(one.lease, told.get(holder), now)}
        return _Book({holder: self._held(lease, known.held.get(holder), now) for holder, lease in told.items()} | ahead)

    def _is_ahead(self, known: Lease, told: Lease | None, now_ms: int) -> bool:
        """Whether we know of a holder what the server does not: its replica that answers lags behind."""
        if not known.holder or now_ms - known.expires_ms > _LAGS_MS:
            return False
        return told is None or (known.sequence, known.revision) > (told.sequence, told.revision)

    def _held(self, lease: Lease, known: _Held | None, now_ms: int) -> _Held:
        """How long a lease holds counts from when we saw it first, so that no clock that is set ends it early."""
        at = self._clock.elapsed()
        if not lease.holder:  # those of the past, which are others now
            return _Held(lease, at, at)
        if known is not None and known.lease.revision == lease.revision:
            return known
        left_s = min((lease.expires_ms - now_ms) / 1000 + SKEW_S, LEASE_S)
        return _Held(lease, at, at + max(left_s, 0.0))


def _fields(lease: Lease) -> Mapping[str, object]:
    names: Iterable[str] = Lease.__dataclass_fields__
    fields = {name: getattr(lease, name) for name in names}
    return {**fields, "waits": int(lease.waits), "expires_at": fields.pop("expires_ms")}
