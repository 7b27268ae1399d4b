"""What caches answered and saved: panels over `spanmeter_cache_requests_total` and the tokens of prompt caches."""

from __future__ import annotations

from typing import Final

from panels import DOLLARS, NO_CACHES, RATE, SHARE, TOKENS, Chart, Panel, Query
from promql import SIDECAR, rate, select, share

_OF_SERVICE = f'{SIDECAR}, service=~"$service"'
REQUESTS = f"spanmeter_cache_requests_total{{{_OF_SERVICE}}}"
HITS = f'spanmeter_cache_requests_total{{{_OF_SERVICE}, result="hit"}}'
SAVED = f"spanmeter_cache_saved_usd_total{{{_OF_SERVICE}}}"
READ = select("spanmeter_tokens_total", 'component=~"cache_read.*"')
WRITTEN = select("spanmeter_tokens_total", 'component=~"cache_write.*"')

CHARTS: Final = (
    Chart(
        Panel(
            "Cache requests by result",
            "Requests a second to the caches of applications by cache and result, from "
            "spanmeter_cache_requests_total. Of caches that Spanmeter only sees answer (llm) there are no misses.",
            RATE,
            (Query(rate(REQUESTS, "cache, result"), "{{cache}} {{result}}"),),
            NO_CACHES,
        ),
        width=6,
    ),
    Chart(
        Panel(
            "Hit share by cache",
            "Hits of all requests by cache, from spanmeter_cache_requests_total. A fall after a release means new "
            "keys: another prompt, model, parameter or version. Steadily low: the questions do not repeat.",
            SHARE,
            (Query(share(rate(HITS, "cache"), rate(REQUESTS, "cache")), "{{cache}}"),),
            NO_CACHES,
        ),
        width=6,
    ),
    Chart(
        Panel(
            "Saved per hour by cache",
            "What the calls had cost that hits replaced, in dollars an hour, from spanmeter_cache_saved_usd_total. "
            "Hits whose replaced call has no known price are not in it.",
            DOLLARS,
            (Query(f"{rate(SAVED, 'cache')} * 3600", "{{cache}}"),),
            NO_CACHES,
        ),
        width=6,
    ),
    Chart(
        Panel(
            "Prompt cache tokens",
            "Tokens a second that providers read from and wrote to their prompt caches, from "
            "spanmeter_tokens_total. Writing without reading costs more than no cache: see spanmeter caches.",
            TOKENS,
            (Query(rate(READ), "read"), Query(rate(WRITTEN), "written")),
        ),
        width=6,
    ),
)
"""Requests, hit share and saved dollars of applications' caches; tokens of providers' prompt caches."""
