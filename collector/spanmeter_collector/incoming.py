"""What came in: the requests of a batch, read into spans by Python or, where their rows take no more, by the engine."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter import semconv
from spanmeter.pricing import PriceBook
from spanmeter_collector.bundle import Bundle, bundles, open_span
from spanmeter_collector.counter import Counter, counters
from spanmeter_collector.otlp import Request, Signal, Value, day, refusal, signal_of
from spanmeter_collector.reading import Reading
from spanmeter_collector.row import Row, SpanKey, read_span
from spanmeter_collector.staged import Billing, Extents, Kept, Mask, Staged
from spanmeter_collector.store import Store

_FEWEST_STAGED: Final = 512
"""The engine takes some milliseconds for any batch: it is asked where Python would take longer."""


def _none() -> Mask:
    return np.zeros(0, bool)


@dataclass(frozen=True, slots=True)
class Received:
    """An acknowledged request in protobuf and when it came in, in milliseconds since 1970.

    `repeated` says that the request itself may have been posted before, so that its spans were not sent again.
    """

    signal: Signal
    body: bytes
    received_at: int
    repeated: bool = False

    @classmethod
    def of(cls, request: Request, received_at: int, *, repeated: bool = False) -> Received:
        """The same of a request that is open already."""
        return cls(signal_of(request), request.SerializeToString(), received_at, repeated)


@dataclass(slots=True)
class Incoming:
    """Spans by their keys, of one that came several times the first.

    `spans` are those that Python has read; others only the engine has. What the engine has read it stores as well, and
    of their calls it charges those that Python need not know.
    """

    spans: dict[SpanKey, tuple[Row, Reading]] = field(default_factory=dict)
    fresh: set[SpanKey] = field(default_factory=set)
    sent_again: set[SpanKey] = field(default_factory=set)
    counters: list[Counter] = field(default_factory=list)
    too_old: int = 0
    _content: bool = False
    _bundles: list[Bundle] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)
    _staged: Staged | None = None
    _unread: Mask = field(default_factory=_none)
    _billed: Mask = field(default_factory=_none)
    _left_out: Mask = field(default_factory=_none)
    _stored_by_engine: set[SpanKey] = field(default_factory=set)

    @classmethod
    def of(cls, received: Iterable[Received], store: Store, book: PriceBook, *, content: bool = False) -> Incoming:
        """Read what came in; of spans whose day the store has closed, only how many there are. `book` prices calls."""
        incoming = cls(_content=content)
        for one in received:
            if one.signal is Signal.METRICS:
                request = ExportMetricsServiceRequest.FromString(one.body)
                incoming.counters.extend(counters(request, received_at=one.received_at))
            else:
                incoming._bundles += bundles(one.body, received_at=one.received_at, repeated=one.repeated)
        incoming._ends = list(accumulate(len(bundle.spans) for bundle in incoming._bundles))
        if incoming._ends and incoming._ends[-1] >= _FEWEST_STAGED:
            incoming._staged = store.stage(incoming._bundles, book, content=content)
        incoming._take_all(store.closed)
        return incoming

    def __bool__(self) -> bool:
        return bool(self.spans) or self.unread > 0

    @property
    def unread(self) -> int:
        """How many spans only the engine has read."""
        return int(self._unread.sum())

    def extents(self) -> Extents:
        """The spans, and when each started and ended."""
        rows = [row for row, _ in self.spans.values()]
        starts, ends = [row.start_time for row in rows], [row.start_time + row.duration_ns for row in rows]
        known = Extents.of(self.spans, starts, ends)
        return known if self._staged is None else known.together(self._staged.extents(self._unread))

    def calls_of_engine(self) -> Extents | None:
        """The calls that the engine charges; None where there are none."""
        return self._staged.extents(self._billed) if self._staged is not None and self._billed.any() else None

    def tellers(self) -> set[tuple[str, str]]:
        """By service and scope, who told of the calls that the engine charges."""
        return {_teller(bundle) for bundle, billed in zip(self._bundles, self._by_bundle(), strict=False) if billed}

    def read_traces(self, trace_ids: Collection[bytes]) -> None:
        """Let Python read all spans of these traces."""
        if self._staged is not None and trace_ids:
            self._read(self._unread & self._staged.of_traces(trace_ids))

    def read_calls(self, *, trace_ids: Collection[bytes] = (), services: Collection[str] = ()) -> None:
        """Let Python read and charge all calls of these traces and of these services."""
        if self._staged is None or not (trace_ids or services):
            return
        wanted = self._staged.of_traces(trace_ids)
        for bundle, last in zip(self._bundles, self._ends, strict=True):
            if _teller(bundle)[0] in services:
                wanted[last - len(bundle.spans) : last] = True
        self._read(self._billed & wanted)

    def rows(self, stored: Collection[SpanKey]) -> list[Row]:
        """Of the spans that the engine has not read, the rows that the store lacks."""
        known = self._stored_by_engine | {*stored}
        return [row for key, (row, _) in self.spans.items() if key not in known]

    def kept(self, stored: Collection[SpanKey], *, recorded_at: int, version: str) -> Kept | None:
        """Of the spans that the engine has read, those that the store lacks, and which calls of theirs it charges.

        `version` is that of the book they are priced with.
        """
        staged = self._staged
        if staged is None:
            return None
        ids, left_out = staged.spans["ids"], self._left_out | staged.of_keys(stored)
        kept = ids[~(left_out | staged.spans["telling"])].tobytes()
        measured = {number: row for number, (row, _) in staged.measured.items()}
        billing = None
        if self._billed.any():
            numbers = np.flatnonzero(self._billed).astype("<u4").tobytes()
            billing = Billing(numbers, ids[self._billed].tobytes(), recorded_at, version)
        return Kept(kept, np.flatnonzero(left_out).tolist(), measured, billing) if kept or billing else None

    def _by_bundle(self) -> list[int]:
        """How many calls of each bundle the engine charges."""
        upto = np.concatenate([[0], np.cumsum(self._billed)])
        return np.diff(upto[[0, *self._ends]]).tolist() if self._staged is not None else []

    def _take_all(self, closed: Collection[int]) -> None:
        if self._staged is not None:
            self._take_staged(self._staged, closed)
            return
        for bundle in self._bundles:
            for span in bundle.spans:
                self._take_open(bundle, span, closed)

    def _take_staged(self, staged: Staged, closed: Collection[int]) -> None:
        telling, again = staged.spans["telling"], staged.repeated()
        self._unread, self._billed = ~telling, staged.billed & ~again
        self._left_out = np.zeros(len(telling), bool)
        looked_at = telling | again
        looked_at[list(staged.measured)] = True
        seen: set[SpanKey] = set()
        for number in np.flatnonzero(looked_at).tolist():
            bundle, span = self._place(number)
            if telling[number]:
                self._take_open(bundle, span, closed, seen)
            elif (key := staged.key(number)) in seen or not self._is_new(key, bundle):
                self._unread[number], self._left_out[number] = False, True
            elif read := staged.measured.get(number):
                self._unread[number] = False
                self._stored_by_engine.add(key)
                self._note(key, read, bundle)
            elif staged.billed[number]:
                self._read_one(number)
            else:
                seen.add(key)

    def _take_open(
        self, bundle: Bundle, closed_span: bytes, closed: Collection[int], seen: Collection[SpanKey] = ()
    ) -> None:
        span, known = open_span(closed_span)
        if day(span) in closed:
            self.too_old += 1
        elif not refusal(span) and (span.trace_id, span.span_id) not in seen:
            self._take(bundle, span, known)

    def _read(self, which: Mask) -> None:
        for number in np.flatnonzero(which).tolist():
            self._read_one(number)

    def _read_one(self, number: int) -> None:
        """Let Python read a span that the engine stores."""
        bundle, span = self._place(number)
        self._unread[number] = self._billed[number] = False
        self._stored_by_engine.add(self._take(bundle, *open_span(span)))

    def _place(self, number: int) -> tuple[Bundle, bytes]:
        at = bisect_right(self._ends, number)
        bundle = self._bundles[at]
        return bundle, bundle.spans[number - self._ends[at] + len(bundle.spans)]

    def _take(self, bundle: Bundle, span: Span, known: Mapping[str, Value]) -> SpanKey:
        key = span.trace_id, span.span_id
        if self._is_new(key, bundle):
            told = bundle.resource, bundle.scope, span
            read = read_span(*told, received_at=bundle.received_at, content=self._content, known=known)
            self._note(key, read, bundle)
        return key

    def _note(self, key: SpanKey, read: tuple[Row, Reading], bundle: Bundle) -> None:
        self.spans[key] = read
        self.fresh.update(() if bundle.repeated else (key,))

    def _is_new(self, key: SpanKey, bundle: Bundle) -> bool:
        if key in self.spans:
            self.sent_again.update(() if bundle.repeated else (key,))
        return key not in self.spans


def _teller(bundle: Bundle) -> tuple[str, str]:
    return bundle.resource.get(semconv.SERVICE_NAME, ""), bundle.scope
