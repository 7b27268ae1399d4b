"""Posting: from received requests to the batch that the store lacks of them.

Every call is charged once. Where several spans of a trace may tell of one call, all that is known of the trace is
looked at anew: what was charged and turns out to be told twice is reversed, and what is not counted is recorded with
its reason. The outcome depends on the spans alone, so a batch that comes again adds nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from spanmeter import semconv
from spanmeter.pricing import PriceBook
from spanmeter_collector.charge import Charge, charges, reversal, unmarked_charges
from spanmeter_collector.companions import Companion, companions, under_way
from spanmeter_collector.counter import Counter as ProcessCounter
from spanmeter_collector.counter import counters
from spanmeter_collector.duplicate import NOBODY, SAME_SPAN, Duplicate, duplicate, withdrawn
from spanmeter_collector.history import History, again, history
from spanmeter_collector.otlp import Request, day, spans
from spanmeter_collector.reading import Reading
from spanmeter_collector.row import Row, read_span
from spanmeter_collector.same_call import Found, same_calls
from spanmeter_collector.sighting import WRAPPER, Sighting, is_our_scope, mark, sighting
from spanmeter_collector.store import Batch, SpanKey, Store

_MOST_STEPS: Final = 64


@dataclass(frozen=True, slots=True)
class Received:
    """An acknowledged request and when it came in, in milliseconds since 1970.

    `repeated` says that the request itself may have been posted before, so that its spans were not sent again.
    """

    request: Request
    received_at: int
    repeated: bool = False


def post(
    received: Sequence[Received], *, store: Store, book: PriceBook, recorded_at: int, content: bool = False
) -> Batch:
    """Read and price what came in, without the spans that the store or the ledger holds already, or that are too old.

    A span is named by trace id and span id; of one that comes several times the first is kept. With `content` its row
    holds what was said, asked and retrieved.
    """
    incoming = _read(received, closed=store.closed, content=content)
    if not incoming.spans:
        return Batch(counters=incoming.counters, too_old=incoming.too_old)
    posting = _Posting(incoming, store, book, recorded_at)
    posting.post()
    rows = [row for key, (row, _) in incoming.spans.items() if key not in posting.stored]
    return Batch(rows, posting.charges, incoming.counters, posting.duplicates, incoming.too_old)


@dataclass(slots=True)
class _Incoming:
    spans: dict[SpanKey, tuple[Row, Reading]] = field(default_factory=dict)
    fresh: set[SpanKey] = field(default_factory=set)
    sent_again: set[SpanKey] = field(default_factory=set)
    counters: list[ProcessCounter] = field(default_factory=list)
    too_old: int = 0

    def period(self) -> tuple[int, int]:
        """From the first start to the last end."""
        rows = [row for row, _ in self.spans.values()]
        return min(row.start_time for row in rows), max(row.start_time + row.duration_ns for row in rows)


def _read(received: Sequence[Received], *, closed: Collection[int], content: bool) -> _Incoming:
    incoming = _Incoming()
    for one in received:
        if isinstance(one.request, ExportMetricsServiceRequest):
            incoming.counters.extend(counters(one.request))
            continue
        for resource, scope, span in spans(one.request):
            if day(span) in closed:
                incoming.too_old += 1
                continue
            row, reading = read_span(resource, scope, span, received_at=one.received_at, content=content)
            key = row.trace_id, row.span_id
            if key in incoming.spans:
                incoming.sent_again.update(() if one.repeated else (key,))
                continue
            incoming.spans[key] = row, reading
            incoming.fresh.update(() if one.repeated else (key,))
    return incoming


class _Posting:
    """One batch on its way into the ledger."""

    def __init__(self, incoming: _Incoming, store: Store, book: PriceBook, recorded_at: int) -> None:
        self._incoming = incoming
        self._store = store
        self._book = book
        self._recorded_at = recorded_at
        self._since, self._until = incoming.period()
        self.stored = store.known("spans", incoming.spans, since_ns=self._since, until_ns=self._until)
        self._charged = store.known("charges", incoming.spans, since_ns=self._since, until_ns=self._until)
        self._contested = _contested(incoming, self.stored)
        self._history = self._read_history()
        self.charges: list[Charge] = []
        self.duplicates: list[Duplicate] = []

    def post(self) -> None:
        """Fill `charges` and `duplicates` with what the ledger lacks."""
        contested: defaultdict[bytes, list[Sighting]] = defaultdict(list)
        for key, (row, reading) in self._incoming.spans.items():
            if row.trace_id in self._contested:
                contested[row.trace_id].append(sighting(row, reading))
            elif reason := mark(row, reading):
                self._leave_out(sighting(row, reading), Found(reason, NOBODY))
            elif key not in self._charged and key not in self._history.duplicates:
                self.charges += charges(row, reading, self._book, recorded_at=self._recorded_at)
        for trace_id, came in contested.items():
            self._settle(trace_id, came)
        self._settle_across_traces()
        for key in self._sent_again():
            self._note_sent_again(sighting(*self._incoming.spans[key]))

    def _read_history(self) -> History:
        known = self.stored.keys() | self._charged.keys()
        seen_before = {trace_id for trace_id, _ in known} & self._contested
        told_again = (known | self._incoming.sent_again) & self._incoming.spans.keys()
        calls = {key for key in told_again if self._incoming.spans[key][0].operation in semconv.CALL_OPERATIONS}
        keys = [*((trace_id, b"") for trace_id in seen_before), *calls]
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

    def _settle_across_traces(self) -> None:
        """Leave out what another trace of the same process tells of too."""
        called = [row for row, _ in self._incoming.spans.values() if row.operation in semconv.CALL_OPERATIONS]
        if not called or not self.charges:
            return
        stored = under_way(self._store, called, since_ns=self._since, until_ns=self._until)
        if len({row.scope for row in called} | {call.seen.scope for call in stored}) > 1:
            new = self._new_companions()
            settled = {call.key for call in new} | {(one.trace_id, one.span_id) for one in self.duplicates}
            calls = [*(call for call in stored if call.key not in settled), *new]
            self._leave_out_companions({call.key: call for call in calls}, companions(calls))

    def _new_companions(self) -> list[Companion]:
        """The calls that this batch counts."""
        scopes: defaultdict[bytes, set[str]] = defaultdict(set)
        for one in (*self.duplicates, *self._history.duplicates.values()):
            if one.is_used:
                scopes[one.counted_span_id].add(one.scope)
        counted = {(entry.trace_id, entry.span_id) for entry in self.charges if entry.entry == "charge"}
        sightings = [sighting(*self._incoming.spans[key]) for key in counted & self._incoming.spans.keys()]
        return [Companion(seen, frozenset({seen.scope, *scopes[seen.span_id]})) for seen in sightings]

    def _leave_out_companions(self, calls: Mapping[SpanKey, Companion], finds: Mapping[SpanKey, Found]) -> None:
        stored = [key for key in finds if not calls[key].is_new]
        entries = history(self._store, stored, since_ns=self._since, until_ns=self._until).charges
        taken_back = {key: list(entries.get(key, ())) for key in finds}
        reversals = [reversal(entry, recorded_at=self._recorded_at) for key in stored for entry in taken_back[key]]
        kept: list[Charge] = []
        for entry in self.charges:
            taken_back.get((entry.trace_id, entry.span_id), kept).append(entry)
        self.charges = kept + reversals
        for key, found in finds.items():
            seen, uncharged = calls[key].seen, taken_back[key]
            self.duplicates.append(duplicate(seen, found, uncharged, recorded_at=self._recorded_at))

    def _leave_out(self, seen: Sighting, found: Found) -> None:
        if seen.operation not in semconv.CALL_OPERATIONS:
            return
        key = seen.trace_id, seen.span_id
        charged = self._history.charges.get(key, ())
        earlier = self._history.duplicates.get(key)
        self.charges += [reversal(entry, recorded_at=self._recorded_at) for entry in charged]
        if earlier is not None and earlier.found == found:
            return
        if earlier is not None:
            self.duplicates.append(withdrawn(earlier, recorded_at=self._recorded_at))
        self.duplicates.append(duplicate(seen, found, charged or self._uncharged(key), recorded_at=self._recorded_at))

    def _uncharged(self, key: SpanKey) -> Sequence[Charge]:
        spans = [self._incoming.spans[key]] if key in self._incoming.spans else self._stored_again([key])
        return [entry for row, reading in spans for entry in self._would_be(row, reading)]

    def _would_be(self, row: Row, reading: Reading) -> Sequence[Charge]:
        return unmarked_charges(row, reading, self._book, recorded_at=self._recorded_at)

    def _count(self, keys: Sequence[SpanKey]) -> None:
        missing = [key for key in keys if not self._history.charges.get(key)]
        came = [self._incoming.spans[key] for key in missing if key in self._incoming.spans]
        for row, reading in (*came, *self._stored_again([key for key in missing if key not in self._incoming.spans])):
            self.charges += charges(row, reading, self._book, recorded_at=self._recorded_at)
        earlier = [one for key in keys if (one := self._history.duplicates.get(key))]
        self.duplicates += [withdrawn(one, recorded_at=self._recorded_at) for one in earlier]

    def _stored_again(self, keys: Sequence[SpanKey]) -> list[tuple[Row, Reading]]:
        return again(self._store, keys, since_ns=self._since, until_ns=self._until)

    def _sent_again(self) -> set[SpanKey]:
        known = self.stored.keys() | self._charged.keys()
        return (self._incoming.sent_again | (self._incoming.fresh & known)) - self._history.sent_again

    def _note_sent_again(self, seen: Sighting) -> None:
        if seen.is_call:
            found = Found(SAME_SPAN, seen.span_id)
            uncharged = self._uncharged((seen.trace_id, seen.span_id))
            self.duplicates.append(duplicate(seen, found, uncharged, recorded_at=self._recorded_at))


def _contested(incoming: _Incoming, stored: Mapping[SpanKey, str]) -> set[bytes]:
    """The traces in which several spans tell of calls and not all of them are our own."""
    calls: Counter[bytes] = Counter()
    others: set[bytes] = set()
    roles = [(key, role) for key, role in stored.items() if role and key not in incoming.spans]
    roles += [(key, role) for key, span in incoming.spans.items() if (role := _role(span[0]))]
    for (trace_id, _), role in roles:
        calls[trace_id] += 1
        if role == "others":
            others.add(trace_id)
    return {trace_id for trace_id in others if calls[trace_id] > 1}


def _role(row: Row) -> str:
    if row.operation not in semconv.CALL_OPERATIONS or row.wrapper:
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
