"""Posting: from received requests to the batch that the store lacks of them; a `Settlement` says what is charged."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from spanmeter.pricing import PriceBook
from spanmeter_collector.counter import counters
from spanmeter_collector.incoming import Incoming
from spanmeter_collector.otlp import Request, day, spans
from spanmeter_collector.row import read_span
from spanmeter_collector.settlement import Settlement
from spanmeter_collector.store import Batch, Store


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
    settlement = Settlement(incoming, store, book, recorded_at=recorded_at)
    settlement.settle()
    rows = [row for key, (row, _) in incoming.spans.items() if key not in settlement.stored]
    bills, charges = settlement.entries()
    return Batch(rows, charges, incoming.counters, settlement.duplicates, incoming.too_old, bills)


def _read(received: Sequence[Received], *, closed: Collection[int], content: bool) -> Incoming:
    incoming = Incoming()
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
