"""Neighbours: the sidecars that write to one ClickHouse server, and what they have to set right between them.

What several did to one call at one time is found in what was recorded lately and brought to one bill, a minute later
at the latest. Sidecars take turns at that, but it does not depend on it: a correction that two make at one time is a
double itself, which the next turn finds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Final
from uuid import uuid4

from spanmeter_collector.batch import Batch
from spanmeter_collector.charge import Charge, standing, usd_of
from spanmeter_collector.double import corrections, is_sent_twice
from spanmeter_collector.duplicate import SAME_SPAN, Duplicate, duplicate, withdrawn
from spanmeter_collector.repeating import repeating
from spanmeter_collector.row import SpanKey
from spanmeter_collector.same_call import Found
from spanmeter_collector.sighting import stored_sighting
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store, of_traces

_EVERY_S: Final = 60
_LATELY_S: Final = 900
_AT_THE_START_S: Final = 86_400
_MOST_CALLS: Final = 100_000
_PAGE_CALLS: Final = 1000
_logger = logging.getLogger(__name__)


class Neighbours:
    """One sidecar among those that write to a store; `now` tells seconds since 1970."""

    def __init__(self, store: Store, status: Status, *, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._status = status
        self._now = now
        self._name = uuid4().hex
        self._lately_s = _AT_THE_START_S

    def run(self) -> int:
        """Bring calls that several charged at one time to one bill, if it is this sidecar's turn; how many there were.

        The first run looks at what was recorded in the last day, the others at the last quarter of an hour.

        Raises:
            clickhouse_connect.driver.exceptions.Error: the store cannot be asked or refuses.
        """
        now = self._now()
        if not self._store.take_turn(int(now) // _EVERY_S * _EVERY_S, self._name):
            return 0
        lately = {"since": round((now - self._lately_s) * 1000), "limit": _MOST_CALLS}
        found = iter(self._store.query("doubled_charges", lately))
        calls = 0
        while page := {(row["trace_id"], row["span_id"]): row["start"] for row in islice(found, _PAGE_CALLS)}:
            with self._store.ledger:
                calls += self._correct(page, recorded_at=round(now * 1000))
        with self._store.ledger:
            self._withdraw(self._store.records("doubled_duplicates", Duplicate, lately), recorded_at=round(now * 1000))
        self._lately_s = _LATELY_S
        if calls:
            self._status.doubled_calls.inc(calls)
            _logger.info("%d calls were charged by several sidecars at one time and are set right", calls)
        return calls

    def _correct(self, page: Mapping[SpanKey, int], *, recorded_at: int) -> int:
        """Write what brings these calls to one bill; how many needed it."""
        of_these = of_traces(page, since_ns=min(page.values()), until_ns=max(page.values()))
        entries: defaultdict[SpanKey, list[Charge]] = defaultdict(list)
        for entry in self._store.records("standing_charges", Charge, of_these):
            entries[entry.trace_id, entry.span_id].append(entry)
        corrected = {key: corrections(entries[key], recorded_at=recorded_at) for key in page}
        charges = [entry for each in corrected.values() for entry in each]
        twice = {
            key: usd_of(standing([*entries[key], *each]))
            for key, each in corrected.items()
            if each and is_sent_twice(entries[key])
        }
        noted = self._sent_twice(twice, of_these, recorded_at=recorded_at)
        self._store.write(Batch(charges=charges, duplicates=noted), token=f"doubles-{self._name}-{recorded_at}")
        return sum(map(bool, corrected.values()))

    def _sent_twice(
        self, usd: Mapping[SpanKey, Decimal | None], of_these: Mapping[str, object], *, recorded_at: int
    ) -> list[Duplicate]:
        """The record of spans that came to several sidecars, as one that got them all would have made it."""
        rows = self._store.query("sightings", of_these) if usd else []
        return [
            duplicate(stored_sighting(row), Found(SAME_SPAN, row["span_id"]), usd[key], recorded_at=recorded_at)
            for row in rows
            if (key := (row["trace_id"], row["span_id"])) in usd
        ]

    def _withdraw(self, doubled: Collection[Duplicate], *, recorded_at: int) -> None:
        if doubled:
            once = [withdrawn(one, recorded_at=recorded_at) for one in doubled]
            self._store.write(Batch(duplicates=once), token=f"doubles-{self._name}-{recorded_at}")


@contextmanager
def neighbourly(store: Store, status: Status) -> Iterator[None]:
    """Learn every minute which days others closed, and set right what several did; not where the store is one's own."""
    if store.directory is not None:
        yield
        return
    with repeating(partial(_every_minute, store, Neighbours(store, status)), name="neighbours"):
        yield


def _every_minute(store: Store, neighbours: Neighbours, ended: threading.Event) -> None:
    while True:
        try:
            store.read_closed_days()
            neighbours.run()
        except Exception:  # the barrier: no fault of one round ends all that follow
            _logger.exception("the store cannot be asked what other sidecars wrote; it is asked again in a minute")
        if ended.wait(_EVERY_S):
            return
