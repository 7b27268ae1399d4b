"""The service's own metrics: how many questions it was asked and how long they took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

_LABELS = ("way", "mode")
_BUCKETS_S = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6)


class Requests:
    """Counts questions by way, mode and outcome, and measures their seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._count = Counter("rag_requests", "Questions asked.", (*_LABELS, "outcome"), registry=self.registry)
        self._seconds = Histogram(
            "rag_request_duration_seconds", "Time to an answer.", _LABELS, buckets=_BUCKETS_S, registry=self.registry
        )

    @contextmanager
    def measure(self, *, way: str, mode: str) -> Iterator[None]:
        """Measure one question; an error that leaves the block counts as failed."""
        started, outcome = time.perf_counter(), "failed"
        try:
            yield
            outcome = "answered"
        finally:
            self._count.labels(way, mode, outcome).inc()
            self._seconds.labels(way, mode).observe(time.perf_counter() - started)

    def exposition(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self.registry)
