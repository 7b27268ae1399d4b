"""A settlement: what the spans of a batch add to the ledger, and what they take back.

Every call is charged once. Where several spans of a trace may tell of one call, all that is known of the trace is
looked at anew: what was charged and turns out to be told twice is reversed, and what is not counted is recorded with
its reason. The outcome depends on the spans alone, so a batch that comes again adds nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from spanmeter import semconv
from spanmeter.pricing import PriceBook
from spanmeter_collector.bill import Bill, bill, unmarked_bill
from spanmeter_collector.charge import Charge, reversal, usd_of
from spanmeter_collector.companions import Companion, Told, companions, counted_calls, under_way
from spanmeter_collector.duplicate import NOBODY, SAME_SPAN, Duplicate, duplicate, withdrawn
from spanmeter_collector.history import History, again, history
from spanmeter_collector.incoming import Incoming
from spanmeter_collector.reading import Reading
from spanmeter_collector.row import Row, SpanKey
from spanmeter_collector.same_call import Found, same_calls
from spanmeter_collector.sighting import WRAPPER, Sighting, is_our_scope, mark, sighting
from spanmeter_collector.staged import Extents
from spanmeter_collector.store import Store

_MOST_STEPS: Final = 64


class Settlement:
    """One batch on its way into the ledger; `stored` are the spans that the store holds of its traces already."""

    def __init__(self, incoming: Incoming, store: Store, book: PriceBook, *, recorded_at: int) -> None:
        self._incoming = incoming
        self._store = store
        self._book = book
        self._recorded_at = recorded_at
        spans = incoming.extents()
        self._since, self._until = int(spans.starts.min()), int(spans.ends.max())
        self._called = self._read_called()
        doubted = self._doubted(spans)
        self.stored = store.known("spans", doubted, since_ns=self._since, until_ns=self._until)
        self._charged = store.known("charges", doubted, since_ns=self._since, until_ns=self._until)
        self._read_calls(trace_ids=self._told_of())
        self._contested = _contested(self._called, self.stored)
        incoming.read_traces(self._contested)
        self._history = self._read_history()
        self._bills: dict[SpanKey, Bill] = {}
        self._reversals: list[Charge] = []
        self.duplicates: list[Duplicate] = []

    def entries(self) -> tuple[Sequence[Bill], Sequence[Charge]]:
        """What the ledger lacks, as bills or, where something is taken back, as entries that go in together."""
        bills = list(self._bills.values())
        if not self._reversals and all(bill.fits for bill in bills):
            return bills, []
        return [], [*(entry for bill in bills for entry in bill.charges()), *self._reversals]

    def settle(self) -> None:
        """Find what the ledger lacks, and what is not counted."""
        contested: defaultdict[bytes, list[Sighting]] = defaultdict(list)
        counted_before = self._counted_before()
        for row, reading in self._incoming.spans.values() if self._contested else ():
            if row.trace_id in self._contested:
                contested[row.trace_id].append(sighting(row, reading))
        for key, row in self._called.items():
            if row.trace_id not in self._contested:
                self._settle_alone(key, *self._incoming.spans[key])
        for trace_id, came in contested.items():
            self._settle(trace_id, came)
        self._settle_across_traces(counted_before)
        for key in self._sent_again():
            self._note_sent_again(sighting(*self._incoming.spans[key]))

    def _settle_alone(self, key: SpanKey, row: Row, reading: Reading) -> None:
        if reason := mark(row, reading):
            self._leave_out(sighting(row, reading), Found(reason, NOBODY))
        elif key not in self._charged and key not in self._history.duplicates:
            self._charge(key, row, reading)

    def _doubted(self, spans: Extents) -> list[SpanKey]:
        """The traces of which the store may hold what matters."""
        doubted = self._store.recent.doubtful(spans, others=_traces_of_others(self._called))
        return [(trace_id, b"") for trace_id in doubted]

    def _read_called(self) -> dict[SpanKey, Row]:
        spans = self._incoming.spans
        return {key: row for key, (row, _) in spans.items() if row.operation in semconv.CALL_OPERATIONS}

    def _told_of(self) -> set[bytes]:
        """The traces of which more is known than a few calls of ours; the engine is not to charge their calls."""
        others = {trace_id for (trace_id, _), role in self.stored.items() if role == "others"}
        known = {trace_id for trace_id, _ in (*self.stored, *self._charged)}
        return others | known | _traces_of_others(self._called)

    def _read_calls(self, *, trace_ids: Collection[bytes] = (), services: Collection[str] = ()) -> None:
        self._incoming.read_calls(trace_ids=trace_ids, services=services)
        self._called = self._read_called()

    def _counted_before(self) -> list[Companion]:
        """The calls under way that were counted before; where several told of a service's calls, Python has to know."""
        by_engine, tellers = self._incoming.calls_of_engine(), self._incoming.tellers()
        came = Told.of(self._called.values(), by_engine, tellers)
        if came is None:
            return []
        stored = under_way(self._store, came)
        scopes = defaultdict[str, set[str]](set)
        for service, scope in (*came.tellers, *((call.seen.service, call.seen.scope) for call in stored)):
            scopes[service].add(scope)
        self._read_calls(services={service for service, told in scopes.items() if len(told) > 1})
        return stored

    def _read_history(self) -> History:
        known = self.stored.keys() | self._charged.keys()
        seen_before = {trace_id for trace_id, _ in known} & self._contested
        told_again = (known | self._incoming.sent_again) & self._incoming.spans.keys()
        keys = [*((trace_id, b"") for trace_id in seen_before), *(told_again & self._called.keys())]
        return history(self._store, keys, since_ns=self._since, until_ns=self._until)

    def _settle(self, trace_id: bytes, came: Sequence[Sighting]) -> None:
        """Bring the ledger to what all the spans of a trace say together."""
        seen = {one.span_id: one for one in (*self._history.sightings.get(trace_id, ()), *came)}
        finds = same_calls(seen.values())
        restored = []
        for one in seen.values():
            key = trace_id, one.span_id
            if one.mark:
                self._leave_out(one, Found(one.mark, _counted_above(one, seen, finds)))
            elif found := finds.get(one.span_id) or self._found_elsewhere(key, seen):
                self._leave_out(one, found)
            elif key in self._incoming.spans or key in self._history.duplicates:
                restored.append(key)
        self._count(restored)

    def _found_elsewhere(self, key: SpanKey, seen: Mapping[bytes, Sighting]) -> Found | None:
        """What was found of a span whose call is counted by one in another trace: it stays so."""
        earlier = self._history.duplicates.get(key)
        if earlier is None or earlier.counted_span_id in seen or earlier.counted_span_id == NOBODY:
            return None
        return earlier.found

    def _settle_across_traces(self, stored: Sequence[Companion]) -> None:
        """Leave out what another trace of the same process tells of too; `stored` are calls counted before."""
        called = self._called.values()
        if not called or not (self._bills or self._reversals):
            return
        if len({row.scope for row in called} | {call.seen.scope for call in stored}) > 1:
            new = self._new_companions()
            settled = {call.key for call in new} | {(one.trace_id, one.span_id) for one in self.duplicates}
            calls = [*(call for call in stored if call.key not in settled), *new]
            self._leave_out_companions({call.key: call for call in calls}, companions(calls))

    def _new_companions(self) -> list[Companion]:
        """The calls that this batch counts."""
        beside = (*self.duplicates, *self._history.duplicates.values())
        told = [(one.counted_span_id, one.scope, one.is_used) for one in beside]
        counted = self._bills.keys() & self._incoming.spans.keys()
        return counted_calls([sighting(*self._incoming.spans[key]) for key in counted], told, is_new=True)

    def _leave_out_companions(self, calls: Mapping[SpanKey, Companion], finds: Mapping[SpanKey, Found]) -> None:
        stored = [key for key in finds if not calls[key].is_new]
        entries = history(self._store, stored, since_ns=self._since, until_ns=self._until).charges
        for key, found in finds.items():
            charged, uncharged = entries.get(key, ()), self._bills.pop(key, None)
            self._take_back(charged)
            usd = usd_of(charged) if uncharged is None else uncharged.usd
            self.duplicates.append(duplicate(calls[key].seen, found, usd, recorded_at=self._recorded_at))

    def _leave_out(self, seen: Sighting, found: Found) -> None:
        if seen.operation not in semconv.CALL_OPERATIONS:
            return
        key = seen.trace_id, seen.span_id
        charged = self._history.charges.get(key, ())
        earlier = self._history.duplicates.get(key)
        self._take_back(charged)
        if earlier is not None and earlier.found == found:
            return
        if earlier is not None:
            self.duplicates.append(withdrawn(earlier, recorded_at=self._recorded_at))
        usd = usd_of(charged) if charged else self._would_cost(key)
        self.duplicates.append(duplicate(seen, found, usd, recorded_at=self._recorded_at))

    def _take_back(self, charged: Iterable[Charge]) -> None:
        self._reversals += [reversal(entry, recorded_at=self._recorded_at) for entry in charged]

    def _charge(self, key: SpanKey, row: Row, reading: Reading) -> None:
        made = bill(row, reading, self._book, recorded_at=self._recorded_at)
        if made is not None:
            self._bills[key] = made

    def _would_cost(self, key: SpanKey) -> Decimal | None:
        """What a span would be charged if it was counted; None where that is not known."""
        came = self._incoming.spans.get(key)
        for row, reading in [came] if came else self._stored_again([key]):
            made = unmarked_bill(row, reading, self._book, recorded_at=self._recorded_at)
            return None if made is None else made.usd
        return None

    def _count(self, keys: Sequence[SpanKey]) -> None:
        missing = [key for key in keys if not self._history.charges.get(key)]
        for key in missing:
            if key in self._incoming.spans:
                self._charge(key, *self._incoming.spans[key])
        for row, reading in self._stored_again([key for key in missing if key not in self._incoming.spans]):
            self._charge((row.trace_id, row.span_id), row, reading)
        earlier = [one for key in keys if (one := self._history.duplicates.get(key))]
        self.duplicates += [withdrawn(one, recorded_at=self._recorded_at) for one in earlier]

    def _stored_again(self, keys: Sequence[SpanKey]) -> list[tuple[Row, Reading]]:
        return again(self._store, keys, since_ns=self._since, until_ns=self._until)

    def _sent_again(self) -> set[SpanKey]:
        known = self.stored.keys() | self._charged.keys()
        return (self._incoming.sent_again | (self._incoming.fresh & known)) - self._history.sent_again

    def _note_sent_again(self, seen: Sighting) -> None:
        if seen.is_call:
            found, usd = Found(SAME_SPAN, seen.span_id), self._would_cost((seen.trace_id, seen.span_id))
            self.duplicates.append(duplicate(seen, found, usd, recorded_at=self._recorded_at))


def _contested(called: Mapping[SpanKey, Row], stored: Mapping[SpanKey, str]) -> set[bytes]:
    """The traces in which several spans tell of calls and not all of them are our own."""
    roles = [(key, role) for key, role in stored.items() if role and key not in called]
    roles += [(key, role) for key, row in called.items() if (role := _role(row))]
    others = {trace_id for (trace_id, _), role in roles if role == "others"}
    if not others:
        return others
    calls = Counter(trace_id for (trace_id, _), _ in roles)
    return {trace_id for trace_id in others if calls[trace_id] > 1}


def _traces_of_others(called: Mapping[SpanKey, Row]) -> set[bytes]:
    return {row.trace_id for row in called.values() if _role(row) == "others"}


def _role(row: Row) -> str:
    if row.wrapper:
        return ""
    return "ours" if is_our_scope(row.scope) else "others"


def _counted_above(seen: Sighting, others: Mapping[bytes, Sighting], finds: Mapping[bytes, Found]) -> bytes:
    """The counted call around a span that is marked as being inside one."""
    above, steps = others.get(seen.parent_span_id), 0
    while above is not None and not above.is_call and (steps := steps + 1) < _MOST_STEPS:
        above = others.get(above.parent_span_id)
    if seen.mark == WRAPPER or above is None or not above.is_call:
        return NOBODY
    return finds[above.span_id].counted if above.span_id in finds else above.span_id
