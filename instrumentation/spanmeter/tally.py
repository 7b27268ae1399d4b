"""Cumulative counts of the process, taken before sampling and before any queue, so that what gets lost can be known."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from spanmeter.barrier import faults
from spanmeter.receipt import Receipt
from spanmeter.settling import settling


class Tally:
    """What this process called, used and spent since it started, or since it was forked; never reset otherwise."""

    def __init__(self) -> None:
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.RLock()  # reentrant for what the collection of garbage ends in the middle of `add`
        self.calls = 0
        self.tokens = 0
        self.cost_usd = Decimal(0)
        self.spans = 0
        self.exported_spans = 0
        self.spooled_spans = 0
        self.dropped_spans = 0
        self.usage_contradictions = 0
        self.unestimated_calls = 0

    def add(self, receipt: Receipt) -> None:
        """Count one ended call."""
        with self._lock:
            self.calls += receipt.calls
            self.tokens += receipt.usage.input_tokens + receipt.usage.output_tokens
            self.usage_contradictions += receipt.usage_contradictions
            if receipt.cost_usd is not None:
                self.cost_usd += receipt.cost_usd

    def add_span(self) -> None:
        """Count one span handed to the export queue."""
        with self._lock:
            self.spans += 1

    def add_exported(self, spans: int) -> None:
        """Count spans the sidecar took."""
        with self._lock:
            self.exported_spans += spans

    def add_spooled(self, spans: int) -> None:
        """Count spans written to the disk because the sidecar was away."""
        with self._lock:
            self.spooled_spans += spans

    def add_dropped(self, spans: int) -> None:
        """Count spans given up for want of room."""
        with self._lock:
            self.dropped_spans += spans

    def add_unestimated(self) -> None:
        """Count one call without usage that nobody could be asked to estimate, for too many waited."""
        with self._lock:
            self.unestimated_calls += 1

    @property
    def faults(self) -> int:
        """Faults of ours the application was spared."""
        return sum(faults.values())

    def observe_by(self, meter: Meter) -> None:
        """Export the counts as cumulative counters `spanmeter.client.*`."""
        for name, unit in _COUNTERS:
            meter.create_observable_counter(f"spanmeter.client.{name}", [self._reader(name)], unit=unit)

    def _reader(self, name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def read(_: CallbackOptions) -> Iterable[Observation]:
            settling.now()
            value = getattr(self, name)
            return [Observation(float(value) if isinstance(value, Decimal) else value)]

        return read


_COUNTERS: Final = (
    ("calls", "{call}"),
    ("tokens", "{token}"),
    ("cost_usd", "USD"),
    ("spans", "{span}"),
    ("exported_spans", "{span}"),
    ("spooled_spans", "{span}"),
    ("dropped_spans", "{span}"),
    ("usage_contradictions", "{contradiction}"),
    ("unestimated_calls", "{call}"),
    ("faults", "{fault}"),
)
tally: Final = Tally()
