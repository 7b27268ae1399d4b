"""Posting: from received requests to the batch that the store lacks of them; a `Settlement` says what is charged."""

from __future__ import annotations

from collections.abc import Sequence

from spanmeter.pricing import PriceBook
from spanmeter_collector.batch import Batch
from spanmeter_collector.cache_request import cache_request
from spanmeter_collector.incoming import Incoming, Received
from spanmeter_collector.settlement import Settlement
from spanmeter_collector.store import Store


def post(
    received: Sequence[Received], *, store: Store, book: PriceBook, recorded_at: int, content: bool = False
) -> Batch:
    """Read and price what came in, without the spans that the store or the ledger holds already, or that are too old.

    A span is named by trace id and span id; of one that comes several times the first is kept. With `content` its row
    holds what was said, asked and retrieved.
    """
    incoming = Incoming.of(received, store, book, content=content)
    if not incoming:
        return Batch(counters=incoming.counters, too_old=incoming.too_old)
    settlement = Settlement(incoming, store, book, recorded_at=recorded_at)
    settlement.settle()
    bills, charges = settlement.entries()
    rows = incoming.rows(settlement.stored)
    return Batch(
        rows,
        charges,
        incoming.counters,
        settlement.duplicates,
        too_old=incoming.too_old,
        bills=bills,
        cache_requests=[found for row in rows if (found := cache_request(row)) is not None],
        staged=incoming.kept(settlement.stored, recorded_at=recorded_at, version=book.version),
    )
