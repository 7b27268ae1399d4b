"""Prometheus families of the application's process, for its own `/metrics` or a port of ours.

Only `gen_ai_*` families, `track`'s latencies and what became of the process's own spans stand here: money and totals
are the sidecar's, so no sum over all targets counts twice. Names and buckets follow the OpenTelemetry GenAI metrics
1.41.1. Recorded when a call ends, before sampling.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from spanmeter import semconv
from spanmeter.budget.budgets import budgets
from spanmeter.fork import in_child
from spanmeter.histogram import Histogram
from spanmeter.loss import Reason, lost
from spanmeter.receipt import Receipt
from spanmeter.settling import settling
from spanmeter.tally import tally

registry: Final = CollectorRegistry()
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""https://prometheus.io/docs/instrumenting/exposition_formats/; older clients of Prometheus have no name for it."""

_CALL_LABELS: Final = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
_tokens: Final = Histogram(
    "gen_ai_client_token_usage",
    "Tokens of one call; input includes cached and output includes reasoning tokens",
    (*_CALL_LABELS, "gen_ai_token_type"),
    buckets=semconv.TOKEN_BUCKETS,
)
_duration: Final = Histogram(
    "gen_ai_client_operation_duration_seconds",
    "Duration of one call",
    (*_CALL_LABELS, "error_type"),
    buckets=semconv.DURATION_BUCKETS,
)
_first_chunk: Final = Histogram(
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "Time from the start of a streamed call to its first token",
    _CALL_LABELS,
    buckets=semconv.DURATION_BUCKETS,
)
_track: Final = Histogram(
    "spanmeter_track_duration_seconds",
    "Duration of what the application tracks",
    ("name", "error_type"),
    buckets=semconv.DURATION_BUCKETS,
)


class _Spans(Collector):
    """What the counters of this process say at the moment."""

    def collect(self) -> Iterator[Metric]:
        spooled = "Spans that waited on disk for the sidecar"
        yield CounterMetricFamily("spanmeter_client_spooled_spans", spooled, value=tally.spooled_spans)
        dropped = CounterMetricFamily("spanmeter_client_dropped_spans", "Spans given up", labels=("reason",))
        for reason in Reason:
            dropped.add_metric((reason.name.lower(),), lost[reason])
        yield dropped


class _CacheRequests(Collector):
    """Requests to the application's caches; a forked process begins with none."""

    def __init__(self) -> None:
        self.clear()
        in_child(self.clear)

    def clear(self) -> None:
        # Reentrant: the collector of garbage ends dropped streams anywhere, also in the middle of `observe`.
        self._lock = threading.RLock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def observe(self, name: str, result: str) -> None:
        with self._lock:
            self._counts[name, result] += 1

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "spanmeter_client_cache_requests", "Requests to the application's caches", labels=("cache", "result")
        )
        with self._lock:
            counted = sorted(self._counts.items())
        for labels, count in counted:
            family.add_metric(labels, count)
        yield family


class _Budgets(Collector):
    """What the budgets of this process did: their names are configured, a closed set."""

    def collect(self) -> Iterator[Metric]:
        stopped = CounterMetricFamily("spanmeter_client_budget_stopped_calls", "Calls stopped", labels=("budget",))
        passed = CounterMetricFamily(
            "spanmeter_client_budget_threshold",
            "Periods in which a threshold was passed",
            labels=("budget", "threshold"),
        )
        for name, account in budgets.accounts.items():
            stopped.add_metric((name,), account.stopped)
            for threshold, count in sorted(account.crossed.items()):
                passed.add_metric((name, threshold), count)
        yield stopped
        yield passed


_cache_requests: Final = _CacheRequests()


class _Settled(Collector):
    """Has what ended before it is asked settled, so that the families after it count it."""

    def collect(self) -> Iterator[Metric]:
        settling.now()
        return iter(())


for _collector in (_Settled(), _tokens, _duration, _first_chunk, _track, _cache_requests, _Budgets(), _Spans()):
    registry.register(_collector)


def exposition() -> tuple[bytes, str]:
    """Return the families in Prometheus text format and the content type to serve them with."""
    return generate_latest(registry), CONTENT_TYPE


def observe(receipt: Receipt) -> None:
    """Record one ended call; an application's cache hit is no call and leaves no latency."""
    if receipt.cache_hits:
        return
    key = (receipt.operation, receipt.provider, receipt.request_model)
    _duration.observe(receipt.duration_s, (*key, receipt.error_type))
    if receipt.time_to_first_chunk_s is not None:
        _first_chunk.observe(receipt.time_to_first_chunk_s, key)
    if tokens := receipt.usage.input_tokens:
        _tokens.observe(tokens, (*key, "input"))
    if tokens := receipt.usage.output_tokens:
        _tokens.observe(tokens, (*key, "output"))


def observe_cache(name: str, result: str) -> None:
    """Record one request to a cache; `result` is hit or miss."""
    _cache_requests.observe(name, result)


def observe_track(name: str, duration_s: float, *, error_type: str) -> None:
    """Record one run of what `track` measures."""
    _track.observe(duration_s, (name, error_type))
