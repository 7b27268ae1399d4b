"""What Prometheus reads of the loss check: calls that processes of the last day told and that never arrived."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from spanmeter_collector.loss import UNKNOWN
from spanmeter_collector.losses import SETTLE, losses, options, settled_until
from spanmeter_collector.metrics import while_answered
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store
from spanmeter_collector.times import read_length

MOST_KEPT_S: Final = 60.0
"""For how long an answer serves at most; half the settling time, so that nobody can see how old it is."""


class LossCollector(Collector):
    """Family `spanmeter_lost_calls`: every service that tells has a sample, 0 where nothing is missing."""

    def __init__(
        self, store: Store, *, settle: str = SETTLE, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._options = options(settle)
        self._now = now
        self._kept_s = min(read_length(settle).total_seconds() / 2, MOST_KEPT_S)
        self._asking = threading.Lock()
        self._asked_at = -self._kept_s
        self._lost: Counter[tuple[str, str]] = Counter()

    @while_answered
    def collect(self) -> Iterator[Metric]:
        """Yield the family, asking the store when the last answer is too old."""
        with self._asking:
            if monotonic() >= self._asked_at + self._kept_s:
                self._lost = self._ask()
                self._asked_at = monotonic()
            lost = dict(self._lost)
        family = GaugeMetricFamily(
            "spanmeter_lost_calls",
            "Answered calls that processes heard of in the last day told and that never arrived, by the reason known.",
            labels=("service", "reason"),
        )
        for labels, calls in lost.items():
            family.add_metric(labels, calls)
        yield family

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the store."""
        return ()

    def _ask(self) -> Counter[tuple[str, str]]:
        now = self._now()
        selection = read_selection((), self._options, now=now)
        lost: Counter[tuple[str, str]] = Counter()
        for loss in losses(self._store, selection, settled=settled_until(selection, now)):
            lost[loss.service, loss.reason or UNKNOWN] += loss.missing.calls
        return lost
