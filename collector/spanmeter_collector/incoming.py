"""What came in: the requests of a batch, read into spans by Python or, where their rows take no more, by the engine."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector.bundle import Bundle, bundles, open_span
from spanmeter_collector.counter import Counter, counters
from spanmeter_collector.otlp import Request, Signal, Value, day, refusal, signal_of
from spanmeter_collector.reading import Reading
from spanmeter_collector.row import Row, SpanKey, read_span
from spanmeter_collector.staging import Kept, Staged
from spanmeter_collector.store import Store

_FEWEST_STAGED: Final = 512
"""The engine takes some milliseconds for any batch: it is asked where Python would take longer."""


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

    `spans` are those that Python knows, among them all that tell of calls, `plain` those that only the engine has read.
    What the engine has read it stores as well: `staged` are the numbers of such spans in the batch.
    """

    spans: dict[SpanKey, tuple[Row, Reading]] = field(default_factory=dict)
    plain: dict[SpanKey, int] = field(default_factory=dict)
    staged: dict[SpanKey, int] = field(default_factory=dict)
    fresh: set[SpanKey] = field(default_factory=set)
    sent_again: set[SpanKey] = field(default_factory=set)
    counters: list[Counter] = field(default_factory=list)
    too_old: int = 0
    _content: bool = False
    _places: list[tuple[Bundle, int]] = field(default_factory=list)
    _staged: Staged | None = None
    _left_out: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, received: Iterable[Received], store: Store, *, content: bool = False) -> Incoming:
        """Read what came in; of spans whose day the store has closed, only how many there are."""
        incoming, opened = cls(_content=content), list[Bundle]()
        for one in received:
            if one.signal is Signal.METRICS:
                request = ExportMetricsServiceRequest.FromString(one.body)
                incoming.counters.extend(counters(request, received_at=one.received_at))
            else:
                opened += bundles(one.body, received_at=one.received_at, repeated=one.repeated)
        incoming._places = [(bundle, index) for bundle in opened for index in range(len(bundle.spans))]
        if len(incoming._places) >= _FEWEST_STAGED:
            incoming._staged = store.stage(opened, content=content)
        incoming._take_all(store.closed)
        return incoming

    def intervals(self) -> tuple[list[SpanKey], list[int], list[int]]:
        """The spans, and when each started and ended."""
        rows = [row for row, _ in self.spans.values()]
        starts, ends = [row.start_time for row in rows], [row.start_time + row.duration_ns for row in rows]
        if self._staged is not None:
            starts += map(self._staged.starts.__getitem__, self.plain.values())
            ends += map(self._staged.ends.__getitem__, self.plain.values())
        return [*self.spans, *self.plain], starts, ends

    def period(self) -> tuple[int, int]:
        """From the first start to the last end."""
        _, starts, ends = self.intervals()
        return min(starts), max(ends)

    def read_traces(self, trace_ids: Collection[bytes]) -> None:
        """Let Python read also the plain spans of these traces."""
        for key in [key for key in self.plain if key[0] in trace_ids] if trace_ids else ():
            bundle, index = self._places[self.plain.pop(key)]
            self._take(bundle, *open_span(bundle.spans[index]))

    def rows(self, stored: Collection[SpanKey]) -> list[Row]:
        """Of the spans that the engine has not read, the rows that the store lacks."""
        known = self.staged.keys() | stored
        return [row for key, (row, _) in self.spans.items() if key not in known]

    def kept(self, stored: Collection[SpanKey]) -> Kept | None:
        """Of the spans that the engine has read, those that the store lacks."""
        if self._staged is None or not self.staged:
            return None
        again = self.staged.keys() & stored
        left_out = self._left_out | {self.staged[key] for key in again}
        measured = {number: row for number, (row, _) in self._staged.measured.items()}
        return Kept([key for key in self.staged if key not in again], left_out, measured)

    def _take_all(self, closed: Collection[int]) -> None:
        staged = self._staged
        for number, (bundle, index) in enumerate(self._places):
            if staged is None or staged.telling[number]:
                span, known = open_span(bundle.spans[index])
                if day(span) in closed:
                    self.too_old += 1
                elif not refusal(span):
                    self._take(bundle, span, known)
            elif self._is_new(key := staged.keys[number], bundle):
                self.staged[key] = number
                if read := staged.measured.get(number):
                    self.spans[key] = read
                    self.fresh.update(() if bundle.repeated else (key,))
                else:
                    self.plain[key] = number
            else:
                self._left_out.add(number)

    def _take(self, bundle: Bundle, span: Span, known: Mapping[str, Value]) -> None:
        key = span.trace_id, span.span_id
        if self._is_new(key, bundle):
            self.spans[key] = read_span(
                bundle.resource,
                bundle.scope,
                span,
                received_at=bundle.received_at,
                content=self._content,
                known=known,
            )
            self.fresh.update(() if bundle.repeated else (key,))

    def _is_new(self, key: SpanKey, bundle: Bundle) -> bool:
        if key in self.spans:
            self.sent_again.update(() if bundle.repeated else (key,))
        return key not in self.spans and key not in self.plain
