"""Cumulative counts of the process, taken before sampling and before any queue, so that what gets lost can be known."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from spanmeter import semconv
from spanmeter.barrier import faults
from spanmeter.receipt import Receipt
from spanmeter.settling import settling


class Tally:
    """What this process called, used and spent since it started, or since it was forked; never reset otherwise.

    `unsampled` holds the part of calls, failed calls, tokens and cost whose spans the application's sampler left out:
    they never reach the sidecar, by the user's own will.
    """

    def __init__(self) -> None:
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.RLock()  # reentrant for what the collection of garbage ends in the middle of `add`
        self.calls = 0
        self.failed_calls = 0
        self.tokens = 0
        self.cost_usd = Decimal(0)
        self.unsampled: dict[str, Decimal | int] = {}
        self.spans = 0
        self.exported_spans = 0
        self.spooled_spans = 0
        self.dropped: Counter[str] = Counter()
        self.usage_contradictions = 0
        self.unestimated_calls = 0
        self._before: dict[tuple[str, object], float] = {}
        self._reading = self.read()

    def add(self, receipt: Receipt) -> None:
        """Count one ended call."""
        tokens = receipt.usage.input_tokens + receipt.usage.output_tokens
        with self._lock:
            self.calls += receipt.calls
            self.failed_calls += receipt.failed_calls
            self.tokens += tokens
            self.usage_contradictions += receipt.usage_contradictions
            if receipt.cost_usd is not None:
                self.cost_usd += receipt.cost_usd
            if not receipt.sampled:
                self._add_unsampled(receipt, tokens)

    def _add_unsampled(self, receipt: Receipt, tokens: int) -> None:
        cost = receipt.cost_usd or Decimal(0)
        left_out: dict[str, Decimal | int] = {
            "calls": receipt.calls,
            "failed_calls": receipt.failed_calls,
            "tokens": tokens,
            "cost_usd": cost,
        }
        for name, count in left_out.items():
            self.unsampled[name] = self.unsampled.get(name, 0) + count

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

    def add_dropped(self, spans: int, reason: str) -> None:
        """Count spans given up, and why."""
        with self._lock:
            self.dropped[reason] += spans

    def add_unestimated(self) -> None:
        """Count one call without usage that nobody could be asked to estimate, for too many waited."""
        with self._lock:
            self.unestimated_calls += 1

    @property
    def dropped_spans(self) -> int:
        """Spans given up for whatever reason."""
        return self.dropped.total()

    @property
    def faults(self) -> int:
        """Faults of ours the application was spared."""
        return sum(faults.values())

    def observe_by(self, meter: Meter) -> None:
        """Export the counts as cumulative counters `spanmeter.client.*`, all of one moment, that begin at 0 now.

        What the sampler left out carries `sampled` false, what was given up its `reason`: each counter adds up to all.
        Readers add up counters of several beginnings, so the next meter tells nothing again that one before has told.
        """
        self._before = {_key(name, seen): seen.value for name, values in self.read().items() for seen in values}
        for name, unit in _COUNTERS:
            meter.create_observable_counter(f"{semconv.COUNTER_PREFIX}{name}", [self._reader(name)], unit=unit)

    def _reader(self, name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def read(_: CallbackOptions) -> Iterable[Observation]:
            if name == _FIRST:
                settling.now()
                self._reading = self.read()
            return [
                Observation(seen.value - self._before.get(_key(name, seen), 0), seen.attributes)
                for seen in self._reading[name]
            ]

        return read

    def read(self) -> Mapping[str, list[Observation]]:
        """The values of all counters at one moment, by their names after `spanmeter.client.`."""
        with self._lock:
            return {name: self._observations(name) for name, _ in _COUNTERS}

    def _observations(self, name: str) -> list[Observation]:
        if name == "dropped_spans" and self.dropped:
            return [_observation(spans, {semconv.COUNTER_REASON: reason}) for reason, spans in self.dropped.items()]
        left_out = self.unsampled.get(name, 0)
        sampled = _observation(getattr(self, name) - left_out, {})
        return [sampled, _observation(left_out, {semconv.COUNTER_SAMPLED: False})] if left_out else [sampled]


def _observation(value: Decimal | int, attributes: Mapping[str, str | bool]) -> Observation:
    return Observation(float(value) if isinstance(value, Decimal) else value, attributes)


def _key(name: str, seen: Observation) -> tuple[str, object]:
    return name, tuple((seen.attributes or {}).items())


_FIRST: Final = "calls"
_COUNTERS: Final = (
    (_FIRST, "{call}"),
    ("failed_calls", "{call}"),
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
