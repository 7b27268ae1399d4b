"""Posting: from received requests to the batch that the store lacks of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from spanmeter.pricing import PriceBook
from spanmeter_collector.charge import Charge, charges
from spanmeter_collector.counter import counters
from spanmeter_collector.otlp import Request, spans
from spanmeter_collector.reading import Reading
from spanmeter_collector.row import Row, read_span
from spanmeter_collector.store import Batch, SpanKey, Store


@dataclass(frozen=True, slots=True)
class Received:
    """An acknowledged request and when it came in, in milliseconds since 1970."""

    request: Request
    received_at: int


def post(received: Sequence[Received], *, store: Store, book: PriceBook, recorded_at: int) -> Batch:
    """Read and price what came in, without the spans that the store or the ledger holds already.

    A span is named by trace id and span id; of one that comes several times the first is kept.
    """
    read: dict[SpanKey, tuple[Row, Reading]] = {}
    kept = []
    for one in received:
        if isinstance(one.request, ExportMetricsServiceRequest):
            kept += counters(one.request)
            continue
        for resource, scope, span in spans(one.request):
            row, reading = read_span(resource, scope, span, received_at=one.received_at)
            read.setdefault((row.trace_id, row.span_id), (row, reading))
    stored = _known(store, "spans", read)
    charged = _known(store, "charges", read)
    entries: list[Charge] = []
    for key, (row, reading) in read.items():
        if key not in charged:
            entries += charges(row, reading, book, recorded_at=recorded_at)
    return Batch([row for key, (row, _) in read.items() if key not in stored], entries, kept)


def _known(store: Store, table: str, read: dict[SpanKey, tuple[Row, Reading]]) -> frozenset[SpanKey]:
    if not read:
        return frozenset()
    starts = [row.start_time for row, _ in read.values()]
    return store.known(table, read, since_ns=min(starts), until_ns=max(starts))
