"""A batch: what one write adds to the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spanmeter_collector.bill import Bill
from spanmeter_collector.cache_request import CacheRequest
from spanmeter_collector.charge import Charge
from spanmeter_collector.counter import Counter
from spanmeter_collector.duplicate import Duplicate
from spanmeter_collector.row import Row
from spanmeter_collector.staged import Kept


@dataclass(frozen=True, slots=True)
class Batch:
    """What one write adds: to be stored together under one deduplication token."""

    rows: Sequence[Row] = ()
    charges: Sequence[Charge] = ()
    counters: Sequence[Counter] = ()
    duplicates: Sequence[Duplicate] = ()
    too_old: int = 0
    """How many spans were left out, for their day was dropped."""
    bills: Sequence[Bill] = ()
    """Calls whose entries of the ledger the store makes itself."""
    cache_requests: Sequence[CacheRequest] = ()
    staged: Kept | None = None
    """What of the spans that the engine read last is to be stored."""

    @property
    def spans(self) -> int:
        """How many spans it adds."""
        return len(self.rows) + (len(self.staged) if self.staged else 0)
