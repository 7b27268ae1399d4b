"""Whether the figures can be trusted: panels over the sidecar's own `spanmeter_collector_*` metrics."""

from __future__ import annotations

from typing import Final

from panels import COUNT, NONE, RATE, SECONDS, Chart, Panel, Query
from promql import SIDECAR, quantile, rate, select

RECEIVED = select("spanmeter_collector_received_spans_total", scope=SIDECAR)
STORED = select("spanmeter_collector_stored_spans_total", scope=SIDECAR)
PENDING = select("spanmeter_collector_pending_spans", scope=SIDECAR)
LAG = select("spanmeter_collector_log_lag_seconds", scope=SIDECAR)
REFUSED = select("spanmeter_collector_refused_requests_total", scope=SIDECAR)
LOG_SYNC = select("spanmeter_collector_log_sync_seconds_bucket", scope=SIDECAR)
LOST = select("spanmeter_lost_calls", 'service=~"$service"', scope=SIDECAR)
STORE_WRITE = select("spanmeter_collector_store_write_seconds_bucket", scope=SIDECAR)

CHARTS: Final = (
    Chart(
        Panel(
            "Spans received and stored",
            "Rates of spanmeter_collector_received_spans_total and spanmeter_collector_stored_spans_total. "
            "Stored staying below received means the store is too slow: see 'Spans waiting'.",
            RATE,
            (Query(rate(RECEIVED), "received"), Query(rate(STORED), "stored")),
        ),
        width=6,
    ),
    Chart(
        Panel(
            "Spans waiting",
            "spanmeter_collector_pending_spans: acknowledged and safe in the log, not yet in the store. It should "
            "fall back to zero within seconds; if it only grows, see 'Log sync and store write'.",
            COUNT,
            (Query(f"sum by (instance) ({PENDING})", "{{instance}}"),),
        ),
        width=6,
    ),
    Chart(
        Panel(
            "Refused requests",
            "Rate of spanmeter_collector_refused_requests_total by reason: spans that are not counted here. The "
            "reason says whether the sender (malformed, too large) or the sidecar (over capacity) needs attention.",
            RATE,
            (Query(rate(REFUSED, "reason"), "{{reason}}"),),
            NONE,
        ),
        width=6,
    ),
    Chart(
        Panel(
            "Log sync and store write",
            "95th percentiles of spanmeter_collector_log_sync_seconds, which every sender waits for, and of "
            "spanmeter_collector_store_write_seconds. Above 0.5 s, look at the disk under the data directory.",
            SECONDS,
            (
                Query(quantile(0.95, LOG_SYNC), "log sync p95"),
                Query(quantile(0.95, STORE_WRITE), "store write p95"),
            ),
        ),
        width=6,
    ),
    Chart(
        Panel(
            "How far figures lag",
            "spanmeter_collector_log_lag_seconds: the age of the oldest request that is safe in the log and not "
            "yet in the store. Figures may lack what came since. If it only grows, /ready says why.",
            SECONDS,
            (Query(f"max by (instance) ({LAG})", "{{instance}}"),),
        ),
        width=12,
    ),
    Chart(
        Panel(
            "Calls that never arrived",
            "spanmeter_lost_calls: what processes of the last day counted themselves and the ledger lacks, by the "
            "reason they know. They are in no other panel. `spanmeter losses` names the processes.",
            COUNT,
            (Query(f"sum by (service, reason) ({LOST})", "{{service}} {{reason}}"),),
            NONE,
        ),
        width=12,
    ),
)
"""Spans in and stored, spans waiting and for how long, requests refused, time for the disk, calls missing."""
