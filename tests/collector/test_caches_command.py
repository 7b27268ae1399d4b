"""`spanmeter caches` shows what caches saved and what was written in vain, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanmeter import semconv
from spanmeter_collector.cli import main

PERIOD = ["--since", "2026-11-22T12:00:00Z", "--until", "2026-11-22T15:00:00Z"]
TOLD = "from 2026-11-22 12:00:00 to 2026-11-22 15:00:00 UTC"
HIT = {
    semconv.OPERATION: "cache",
    semconv.CACHE_NAME: "answers",
    semconv.CACHE_RESULT: "hit",
    semconv.CACHE_SAVED_USD: "0.5",
    semconv.TENANT: "cached",
}
UNPRICED = {key: told for key, told in HIT.items() if key != semconv.CACHE_SAVED_USD}
WRITE = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 1,
    "gen_ai.usage.cache_creation.input_tokens": 1000,
    semconv.TENANT: "cached",
}


@pytest.fixture
def asked(sidecar: Any, span: Any, request_of: Callable[..., ExportTraceServiceRequest]) -> list[str]:
    """The words that ask for two hits, a miss and a write of a prompt cache."""
    told = {0xCA1: HIT, 0xCA2: UNPRICED, 0xCA3: UNPRICED | {semconv.CACHE_RESULT: "miss"}, 0xCA4: WRITE}
    spans = [
        span(number, trace_id=bytes.fromhex("ca" * 16), attributes=attributes) for number, attributes in told.items()
    ]
    sidecar.post("/v1/traces", request_of(*spans).SerializeToString(), content_type="application/x-protobuf")
    sidecar.settle()
    return ["caches", "--url", sidecar.http, "--where", "tenant=cached", *PERIOD]


def test_the_terminal_shows_both_kinds_of_caches(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"Caches of applications {TOLD}",
        "",
        "cache    hits  misses  hit share    saved",
        "answers     2       1      66.7%  $0.5000",
        "-------  ----  ------  ---------  -------",
        "            2       1      66.7%  $0.5000",
        "",
        "What 1 of the 2 hits saved is unknown and not in the sum.",
        "",
        f"Providers' prompt caches {TOLD}",
        "",
        (
            "provider   model              read  written  never read  open  saved by reads  more for writes"
            "  saved in all  never read, paid"
        ),
        (
            "anthropic  claude-sonnet-4-5     0    1,000       1,000     0           $0.00        $0.000750"
            "    -$0.000750         $0.003750"
        ),
        (
            "---------  -----------------  ----  -------  ----------  ----  --------------  ---------------"
            "  ------------  ----------------"
        ),
        (
            "                                 0    1,000       1,000     0           $0.00        $0.000750"
            "    -$0.000750         $0.003750"
        ),
        "",
        (
            "Saved by reads: what the tokens read would have cost as plain input, beyond what they cost. More for "
            "writes: what writing cost beyond plain input. Never read: no later call of the same service and model "
            "read anything while it was kept; at least so much. Open: it may still be read."
        ),
    ]


def test_both_are_grouped_and_filtered_alike(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*asked, "--by", "cache,tenant", "--where", "cache=answers", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert [(row["cache"], row["tenant"], row["hits"]) for row in told["caches"]["rows"]] == [("answers", "cached", 2)]
    assert [(row["tenant"], row["written_tokens"]) for row in told["prompt_caching"]["rows"]] == [("cached", 1000)]


def test_nothing_is_a_sentence(sidecar: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["caches", "--url", sidecar.http, "--where", "tenant=nobody", *PERIOD]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"No request to a cache {TOLD}. Ask for a longer period: --since 7d",
        "",
        f"No token was read from or written to a provider's prompt cache {TOLD}.",
    ]
