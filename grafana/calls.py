"""How much was asked: panels over `spanmeter_calls_total` and `spanmeter_tokens_total`."""

from __future__ import annotations

from typing import Final

from panels import COUNT, RATE, SHARE, TOKENS, Chart, Figure, Panel, Query
from promql import SIDECAR, in_range, or_zero, rate, select, share

CALLS = select("spanmeter_calls_total")
ANSWERED = select("spanmeter_calls_total", 'outcome="answered"')
FAILED = select("spanmeter_calls_total", 'outcome="failed"')
CACHE_HITS = f'spanmeter_cache_requests_total{{{SIDECAR}, service=~"$service", result="hit"}}'
TOKENS_USED = select("spanmeter_tokens_total")
CACHE_READ = select("spanmeter_tokens_total", 'operation!="embeddings"', 'component=~"cache_read.*"')
INPUT = select("spanmeter_tokens_total", 'operation!="embeddings"', 'component=~"input.*|cache_.*"')

FIGURES: Final = (
    Figure(
        Panel(
            "Calls in range",
            "LLM, embedding and rerank calls that a provider answered in the time range, from "
            "spanmeter_calls_total. Each provider call counts once, whichever frameworks saw it.",
            COUNT,
            (Query(or_zero(in_range(ANSWERED), where=in_range(CALLS)), "Calls"),),
        )
    ),
    Figure(
        Panel(
            "Failed share",
            "Failed attempts of all attempts in the time range, from spanmeter_calls_total by outcome. Above 5 %, "
            "see 'Failed share by model' and the failed traces in the cost explorer.",
            SHARE,
            (Query(share(in_range(FAILED), in_range(CALLS)), "Failed share"),),
        ),
        thresholds=((None, "green"), (0.05, "orange"), (0.2, "red")),
    ),
)
"""Answered calls and the share that failed."""

CHARTS: Final = (
    Chart(
        Panel(
            "Tokens by component",
            "Rate of spanmeter_tokens_total by component. Components do not overlap, so the stack is the total: "
            "input excludes cached and output excludes reasoning tokens.",
            TOKENS,
            (Query(rate(TOKENS_USED, "component"), "{{component}}"),),
        ),
        stacked=True,
        width=12,
    ),
    Chart(
        Panel(
            "Cache-read share of input",
            "Input tokens that the provider read from its cache, of all input tokens, from spanmeter_tokens_total. "
            "A fall means that prompts no longer begin alike: put what changes at the end.",
            SHARE,
            (Query(share(rate(CACHE_READ, "model"), rate(INPUT, "model")), "{{model}}"),),
        ),
        width=12,
    ),
    Chart(
        Panel(
            "Calls by outcome",
            "Attempts a second from spanmeter_calls_total by outcome, and hits of the application's own cache from "
            "spanmeter_cache_requests_total, which cost nothing. Failed attempts that rise alone are retries.",
            RATE,
            (Query(rate(CALLS, "outcome"), "{{outcome}}"), Query(rate(CACHE_HITS), "cache hit")),
        ),
        width=12,
    ),
    Chart(
        Panel(
            "Failed share by model",
            "Failed attempts of all attempts by model, from spanmeter_calls_total. One model alone points to its "
            "provider or its rate limit, all together to the network or the application.",
            SHARE,
            (Query(share(rate(FAILED, "model"), rate(CALLS, "model")), "{{model}}"),),
        ),
        width=12,
    ),
)
"""Tokens by component, the cached share of input, calls by outcome, failures by model."""
