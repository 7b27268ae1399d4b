"""The service's own metrics: how many questions it was asked, how long they took and what the settings did."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from spanmeter_rag.effects import EffectCounters

_LABELS = ("way", "mode")
_BUCKETS_S = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6)


@dataclass(slots=True)
class Question:
    """One that is being measured; who answers it says how it came out and by which way."""

    way: str
    request_id: str = ""
    outcome: str = "answered"


class Requests:
    """Counts questions by way, mode and outcome (answered, degraded, failed), and measures their seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.effects = EffectCounters(self.registry)
        self._count = Counter("rag_requests", "Questions asked.", (*_LABELS, "outcome"), registry=self.registry)
        self._seconds = Histogram(
            "rag_request_duration_seconds", "Time to an answer.", _LABELS, buckets=_BUCKETS_S, registry=self.registry
        )

    @contextmanager
    def measure(self, *, way: str, mode: str) -> Iterator[Question]:
        """Measure one question; an error that leaves the block counts as failed."""
        started, question, outcome = time.perf_counter(), Question(way), "failed"
        try:
            yield question
            outcome = question.outcome
        finally:
            self._count.labels(question.way, mode, outcome).inc()
            self._seconds.labels(question.way, mode).observe(time.perf_counter() - started)

    def exposition(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self.registry)
