"""The process's own Prometheus families follow the convention and stay bounded."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from spanmeter import loss, metrics
from spanmeter.pricing import Usage
from spanmeter.receipt import Receipt
from spanmeter.tally import tally

CALL = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "openai",
    "gen_ai_request_model": "small",
}


@pytest.fixture(autouse=True)
def _empty() -> None:
    for family in (metrics._tokens, metrics._duration, metrics._first_chunk, metrics._track):
        family.clear()


def receipt(model: str = "small", **known: object) -> Receipt:
    given = {"model": "small-1", "request_model": model, "duration_s": 0.5, **known}
    return Receipt(framework="langchain", operation="chat", provider="openai", **given)  # type: ignore[arg-type]


def sample(name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_one_call_is_observed_in_every_family() -> None:
    metrics.observe(receipt(calls=1, usage=Usage(input=30, cache_read=10, output=4), time_to_first_chunk_s=0.25))

    assert sample("gen_ai_client_token_usage_sum", **CALL, gen_ai_token_type="input") == 40
    assert sample("gen_ai_client_token_usage_sum", **CALL, gen_ai_token_type="output") == 4
    assert sample("gen_ai_client_operation_duration_seconds_sum", **CALL, error_type="") == 0.5
    assert sample("gen_ai_client_operation_time_to_first_chunk_seconds_sum", **CALL) == 0.25


def test_what_became_of_the_processs_spans_is_told() -> None:
    spooled = tally.spooled_spans
    tally.add_spooled(3)
    before = sample("spanmeter_client_dropped_spans_total", reason="spool_full") or 0
    loss.lose(2, loss.Reason.SPOOL_FULL)

    assert sample("spanmeter_client_spooled_spans_total") == spooled + 3
    assert sample("spanmeter_client_dropped_spans_total", reason="spool_full") == before + 2
    assert sample("spanmeter_client_dropped_spans_total", reason="fault") is not None


def test_a_failed_call_has_a_duration_and_its_error() -> None:
    metrics.observe(receipt(failed_calls=1, error_type="RateLimitError"))

    assert sample("gen_ai_client_operation_duration_seconds_count", **CALL, error_type="RateLimitError") == 1
    assert sample("gen_ai_client_token_usage_count", **CALL, gen_ai_token_type="input") is None


def test_a_cache_hit_leaves_no_latency() -> None:
    metrics.observe(receipt(cache_hits=1))

    assert sample("gen_ai_client_operation_duration_seconds_count", **CALL, error_type="") is None


def test_the_exposition_is_prometheus_text() -> None:
    metrics.observe(receipt(calls=1))
    body, kind = metrics.exposition()

    assert kind.startswith("text/plain; version=0.0.4")
    names = {family.name for family in text_string_to_metric_families(body.decode())}
    assert "gen_ai_client_operation_duration_seconds" in names
