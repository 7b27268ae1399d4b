"""`spanmeter savings` shows the proposals in their order, with assumption and calls, against a running sidecar."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector.cli import main


@pytest.fixture
def asked(
    sidecar: Any,
    span: Callable[..., Span],
    request_of: Callable[..., ExportTraceServiceRequest],
    call_attributes: dict[str, Any],
) -> list[str]:
    """Address and filter of three calls of a user of their own, two of them equal and one of an unknown model."""
    user = f"saver-{time.time_ns()}"
    said = call_attributes | {"user.id": user, "spanmeter.prompt.hash": "00000000000000aa"}
    unknown = {**said, "gen_ai.request.model": "mystery-1", "spanmeter.prompt.hash": ""}
    now = time.time_ns()
    times = [{"start_time_unix_nano": now - at * 10**9, "end_time_unix_nano": now - at * 10**9 + 1} for at in (9, 6, 3)]
    spans = [
        span(900 + number, trace_id=(now + number).to_bytes(16), kind=Span.SPAN_KIND_CLIENT, attributes=each, **when)
        for number, (each, when) in enumerate(zip((said, said, unknown), times, strict=True))
    ]
    body = request_of(*spans).SerializeToString()
    assert sidecar.post("/v1/traces", body, content_type="application/x-protobuf").status_code == 200
    sidecar.settle()
    return ["--url", sidecar.http, "--where", f"user={user}", "--since", "1h"]


def test_the_proposals_stand_with_what_they_suppose_and_an_example(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["savings", "--swap", "gpt-4o-mini=gpt-4.1-nano", *asked]) == 0

    first, _, *table = capsys.readouterr().out.splitlines()
    assert first.startswith("Savings from ")
    assert first.endswith(": $0.000265 of $0.000390")  # 0.000195, and of the other call 0.000070
    assert [line.split() for line in table[:3]] == [
        ["proposal", "calls", "input", "output", "alone", "saved"],
        ["answer", "cache", "1", "1,000", "100", "$0.000195", "$0.000195"],
        ["swap", "2", "2,000", "200", "$0.000140", "$0.000070"],
    ]
    text = "\n".join(table)
    assert "What 1 of 3 calls cost is unknown and in no figure." in text
    assert "2 of 3 calls carry a hash of what they asked; only they can be found to be equal." in text
    assert "answer cache: One cache for all, emptied every 24h, answers a request" in text
    assert "No call of the period: failed attempts, aborted streams, failed parses, " in text


def test_json_is_the_answer_of_the_api(asked: list[str], sidecar: Any, capsys: pytest.CaptureFixture[str]) -> None:
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert main(["savings", "--json", "--until", until, "--ttl", "1h", *asked]) == 0
    shown = json.loads(capsys.readouterr().out)
    answer = sidecar.get(f"/api/v1/savings?since={shown['since']}&until={until}&ttl=1h&{asked[3]}")
    assert shown == answer
    assert (shown["calls"], shown["saved_usd"]) == (3, "0.000195")


def test_an_empty_period_says_what_to_do(sidecar: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["savings", "--url", sidecar.http, "--where", "user=nobody"]) == 0
    assert capsys.readouterr().out.startswith("No calls from ")


def test_a_wrong_term_is_refused_with_what_is_allowed(sidecar: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["savings", "--url", sidecar.http, "--swap", "gpt-4o"]) == 2
    assert "swap='gpt-4o' is not allowed; allowed: MODEL=OTHER" in capsys.readouterr().err
