"""The status: what the sidecar says about itself on /health, /ready and /metrics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from spanmeter_collector.backlog import Backlog

OK: Final = "ok"
OFF: Final = "off"
State = Literal["ok", "off", "degraded", "failed"]
_SECONDS: Final = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192)
_SPANS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536)


class Component(NamedTuple):
    """How a part of the sidecar stands, and why where it is not well.

    `off`: not asked for. `degraded`: it will be well again by itself, or once the reason is dealt with. `failed`: only
    a restart helps.
    """

    status: State
    reason: str = ""


class Status:
    """Readiness checks and self-metrics of the pipeline; safe to share between threads.

    `registry` holds the families `spanmeter_collector_*` and, on Linux, `process_*`; further collectors may be added.
    """

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._checks = {"log": OK, "store": OK}
        self._since: dict[str, datetime] = {}
        self._asked: dict[str, Callable[[], str]] = {}
        self._beside: dict[str, Callable[[], str]] = {}
        self._ended: set[str] = set()
        started = time.monotonic()
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.received_spans = self._counter("received_spans", "Spans received and acknowledged.")
        self.received_requests = self._counter("received_requests", "Requests received and acknowledged.", "transport")
        self.refused_requests = self._counter("refused_requests", "Requests or log records refused.", "reason")
        self.refused_spans = self._counter("refused_spans", "Spans refused inside accepted requests.", "reason")
        self.mended = self._counter("mended", "Parts of accepted requests that were mended or left out.", "part")
        self.ignored_metrics = self._counter("ignored_metrics", "Metric data points accepted and not kept.")
        self.stored_spans = self._counter("stored_spans", "Spans written to the store.")
        self.repeated_spans = self._counter("repeated_spans", "Spans received again and not stored again.")
        self.doubled_calls = self._counter("doubled_calls", "Calls that several sidecars charged at once, set right.")
        self.dropped_partitions = self._counter("dropped_partitions", "Partitions dropped.", "table", "reason")
        self.dropped_rows = self._counter("dropped_rows", "Rows that went with them.", "table", "reason")
        self.failed_sweeps = self._counter("failed_sweeps", "Times that retention could not drop what was due.")
        self.pending_spans = self._gauge("pending_spans", "Spans acknowledged and not yet stored.")
        self.log_bytes = self._gauge("log_bytes", "Size of the log that is not yet stored.")
        self.log_lag_seconds = self._gauge("log_lag_seconds", "Age of the oldest in the log that is not yet stored.")
        self.log_sync_seconds = self._histogram("log_sync_seconds", "Time to append and sync requests.", _SECONDS)
        self.store_write_seconds = self._histogram("store_write_seconds", "Time to write a batch.", _SECONDS)
        self.batch_spans = self._histogram("batch_spans", "Spans in a batch.", _SPANS)
        self._gauge("up_seconds", "Time since the start.").set_function(lambda: time.monotonic() - started)
        self.price_book = Gauge(
            "spanmeter_collector_price_book_info", "The price book in use.", ["version"], registry=self.registry
        )

    def watch(self, backlog: Backlog) -> None:
        """Tell of what waits for the store."""
        self.pending_spans.set_function(lambda: backlog.spans)
        self.log_bytes.set_function(lambda: backlog.size)
        self.log_lag_seconds.set_function(lambda: backlog.age)
        self.tell("backlog", lambda: backlog.standing or OK)

    @property
    def ready(self) -> bool:
        """Whether every check is well."""
        return all(reason == OK for reason in self.checks().values())

    def checks(self) -> Mapping[str, str]:
        """Every check by name: "ok", or the reason why not."""
        with self._lock:
            return self._checks | {check: ask() for check, ask in self._asked.items()}

    def components(self) -> Mapping[str, Component]:
        """Every check, and what readiness does not hang on."""
        standing = {**self.checks(), **{name: ask() for name, ask in self._beside.items()}}
        return {name: self._component(name, standing[name]) for name in sorted(standing)}

    def _component(self, name: str, standing: str) -> Component:
        if standing == OK:
            return Component("ok")
        if standing == OFF:
            return Component("off")
        return Component("failed" if name in self._ended else "degraded", standing)

    def tell(self, component: str, ask: Callable[[], str]) -> None:
        """Add a component that readiness does not hang on; `ask` answers "ok", "off", or why it is not well."""
        self._beside[component] = ask

    def ask(self, check: str, ask: Callable[[], str]) -> None:
        """Add a check that is made whenever somebody wants to know."""
        self._asked[check] = ask

    def report(self, check: str, reason: str = OK) -> None:
        """Say how a check stands; without a reason it is well, with one it tells since when it is not."""
        with self._lock:
            if reason == OK:
                self._since.pop(check, None)
            else:
                reason += f" (since {self._since.setdefault(check, self._now()).isoformat(timespec='seconds')})"
            self._checks[check] = reason

    def end(self, check: str, reason: str) -> None:
        """Say that a check will never be well again in this process."""
        self._ended.add(check)
        self.report(check, reason)

    def note_intake(self, *, refused: int, too_old: int = 0, lost: Mapping[str, int]) -> None:
        """Count the spans and metrics refused in an accepted request, and its parts that were mended or left out.

        Of those refused so many were `too_old`, the others malformed.
        """
        for reason, count in (("malformed", refused - too_old), ("too_old", too_old)):
            if count:
                self.refused_spans.labels(reason=reason).inc(count)
        for part, count in lost.items():
            self.mended.labels(part=part).inc(count)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"spanmeter_collector_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"spanmeter_collector_{name}", text, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"spanmeter_collector_{name}", text, buckets=buckets, registry=self.registry)
