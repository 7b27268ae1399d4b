"""What Prometheus reads, made of a real store."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable

import pytest
from prometheus_client import CollectorRegistry, Counter, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from spanmeter import semconv
from spanmeter_collector.batch import Batch
from spanmeter_collector.losses_gauge import LossCollector
from spanmeter_collector.metrics import Exposition
from spanmeter_collector.store import Store

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
Samples = dict[tuple[str, ...], float]


def expose(store: Store) -> bytes:
    """The text format of the store's families."""
    body, _ = Exposition(CollectorRegistry(), store).expose("")
    return body


def samples(store: Store, name: str) -> Samples:
    """The samples of one name: the values of their labels, in the order of the labels' names."""
    body = expose(store)
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in read_text(body.decode())
        for sample in family.samples
        if sample.name == name
    }


def test_dollars_by_component(known: Store) -> None:
    assert samples(known, "spanmeter_cost_usd_total") == {
        ("input", "llama_index", "computed", "e-small", "embeddings", "openai", "shop-rag"): 0.00000024,
        ("cache_read", "langchain", "computed", "gpt-4o-mini", "chat", "openai", "shop-rag"): 0.0000075,
        ("input", "langchain", "computed", "gpt-4o-mini", "chat", "openai", "shop-rag"): 0.00003,
        ("output", "langchain", "computed", "gpt-4o-mini", "chat", "openai", "shop-rag"): 0.000018,
        ("reasoning", "langchain", "computed", "gpt-4o-mini", "chat", "openai", "shop-rag"): 0.000012,
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "spanmeter_tokens_total",
            {
                ("input", "llama_index", "e-small", "embeddings", "openai", "shop-rag"): 12,
                ("cache_read", "langchain", "gpt-4o-mini", "chat", "openai", "shop-rag"): 100,
                ("input", "langchain", "gpt-4o-mini", "chat", "openai", "shop-rag"): 200,
                ("output", "langchain", "gpt-4o-mini", "chat", "openai", "shop-rag"): 30,
                ("reasoning", "langchain", "gpt-4o-mini", "chat", "openai", "shop-rag"): 20,
                ("input", "langchain", "mystery-1", "chat", "acme-ai", "batch"): 40,
                ("output", "langchain", "mystery-1", "chat", "acme-ai", "batch"): 8,
            },
        ),
        (
            "spanmeter_calls_total",
            {
                ("llama_index", "e-small", "embeddings", "answered", "openai", "shop-rag"): 1,
                ("llama_index", "e-small", "embeddings", "failed", "openai", "shop-rag"): 0,
                ("langchain", "gpt-4o-mini", "chat", "answered", "openai", "shop-rag"): 1,
                ("langchain", "gpt-4o-mini", "chat", "failed", "openai", "shop-rag"): 0,
                ("langchain", "gpt-4o-mini", "chat", "answered", "openai", "batch"): 0,
                ("langchain", "gpt-4o-mini", "chat", "failed", "openai", "batch"): 1,
                ("langchain", "mystery-1", "chat", "answered", "acme-ai", "batch"): 1,
                ("langchain", "mystery-1", "chat", "failed", "acme-ai", "batch"): 0,
            },
        ),
        (
            "spanmeter_unpriced_calls_total",
            {
                ("e-small", "openai", "shop-rag"): 0,
                ("gpt-4o-mini", "openai", "shop-rag"): 0,
                ("gpt-4o-mini", "openai", "batch"): 0,
                ("mystery-1", "acme-ai", "batch"): 1,
            },
        ),
        (
            "spanmeter_unpriced_tokens_total",
            {
                ("e-small", "openai", "shop-rag"): 0,
                ("gpt-4o-mini", "openai", "shop-rag"): 0,
                ("gpt-4o-mini", "openai", "batch"): 0,
                ("mystery-1", "acme-ai", "batch"): 48,
            },
        ),
        ("spanmeter_priced_share", {("shop-rag",): 1.0, ("batch",): 0.0}),
        ("spanmeter_cache_requests_total", {("llm", "hit", "batch"): 1, ("llm", "miss", "batch"): 0}),
        ("spanmeter_cache_saved_usd_total", {("llm", "batch"): 0}),
        (
            "gen_ai_client_token_usage_sum",
            {
                ("embeddings", "openai", "e-small", "input", "shop-rag"): 12,
                ("chat", "openai", "gpt-4o-mini", "input", "shop-rag"): 300,
                ("chat", "openai", "gpt-4o-mini", "output", "shop-rag"): 50,
                ("chat", "acme-ai", "mystery-1", "input", "batch"): 40,
                ("chat", "acme-ai", "mystery-1", "output", "batch"): 8,
            },
        ),
        (
            "gen_ai_client_operation_duration_seconds_sum",
            {
                ("", "embeddings", "openai", "e-small", "shop-rag"): 0.1,
                ("", "retrieval", "", "", "shop-rag"): 0.3,
                ("", "chat", "openai", "gpt-4o-mini", "shop-rag"): 1.25,
                ("", "chat", "acme-ai", "mystery-1", "batch"): 0.4,
                ("RateLimitError", "chat", "openai", "gpt-4o-mini", "batch"): 0.5,
            },
        ),
        (
            "gen_ai_client_operation_time_to_first_chunk_seconds_sum",
            {("chat", "openai", "gpt-4o-mini", "shop-rag"): 0.25},
        ),
    ],
)
def test_every_sample_of(known: Store, name: str, expected: Samples) -> None:
    assert samples(known, name) == expected


@pytest.mark.parametrize(
    ("name", "bounds", "first"),
    [
        ("gen_ai_client_token_usage_bucket", semconv.TOKEN_BUCKETS, 64),
        ("gen_ai_client_operation_duration_seconds_bucket", semconv.DURATION_BUCKETS, 0.64),
    ],
)
def test_a_histogram_has_every_bound_and_counts_up_to_it(
    known: Store, name: str, bounds: tuple[float, ...], first: float
) -> None:
    body = expose(known)
    counts = {
        float(sample.labels["le"]): sample.value
        for family in read_text(body.decode())
        for sample in family.samples
        if sample.name == name and sample.labels["gen_ai_request_model"] == "mystery-1"
        if sample.labels.get("gen_ai_token_type") != "output"
    }
    assert counts == {bound: float(bound >= first) for bound in (*bounds, float("inf"))}


def test_an_empty_store_exposes_every_family_without_samples(store: Store) -> None:
    body = expose(store)
    families = list(read_text(body.decode()))
    assert [family.name for family in families] == [
        "spanmeter_cost_usd",
        "spanmeter_tokens",
        "spanmeter_unpriced_calls",
        "spanmeter_unpriced_tokens",
        "spanmeter_calls",
        "spanmeter_priced_share",
        "spanmeter_duplicate_calls",
        "spanmeter_cache_requests",
        "spanmeter_cache_saved_usd",
        "gen_ai_client_token_usage",
        "gen_ai_client_operation_duration_seconds",
        "gen_ai_client_operation_time_to_first_chunk_seconds",
    ]
    assert [sample for family in families for sample in family.samples] == []


def test_both_formats_carry_the_same_samples_and_none_of_creation_times(known: Store) -> None:
    registry = CollectorRegistry()
    Counter("own", "A counter of the process itself.", registry=registry).inc()
    exposition = Exposition(registry, known)
    text, text_type = exposition.expose("text/plain")
    open_text, open_type = exposition.expose(OPENMETRICS)
    in_text = _values(read_text(text.decode()))
    assert in_text == _values(read_openmetrics(open_text.decode()))  # type: ignore[no-untyped-call]
    assert not [name for name, _, _ in in_text if name.endswith("_created")]
    assert (text_type.split(";")[0], open_type.split(";")[0]) == ("text/plain", "application/openmetrics-text")


def test_the_store_is_asked_again_when_it_was_written_to(store: Store) -> None:
    exposition = Exposition(CollectorRegistry(), store)
    before = exposition.expose("")
    store._writer.command("INSERT INTO duplicate_totals (service, reason, found) VALUES ('shop', 'same_span', 3)")
    unasked = exposition.expose("")
    store.write(Batch(), token="1")
    assert unasked == before
    assert b'spanmeter_duplicate_calls_total{reason="same_span",service="shop"} 3.0' in exposition.expose("")[0]


def test_the_process_is_read_while_the_store_does_not_answer(store: Store) -> None:
    registry = CollectorRegistry()
    registry.register(LossCollector(store))
    Counter("own", "A counter of the process itself.", registry=registry).inc()
    exposition = Exposition(registry, store)
    store._writer.command("RENAME TABLE counters TO away, duplicate_totals TO far_away")
    text, open_text = (exposition.expose(accept)[0].decode() for accept in ("", OPENMETRICS))
    store._writer.command("RENAME TABLE away TO counters, far_away TO duplicate_totals")

    assert [family.name for family in read_text(text)] == ["own"]
    assert _values(read_openmetrics(open_text)) == {("own_total", "{}", 1.0)}  # type: ignore[no-untyped-call]
    assert b"spanmeter_duplicate_calls_total" in exposition.expose("")[0]


def _values(families: Iterable[Metric]) -> set[tuple[str, str, float]]:
    return {(sample.name, str(sample.labels), sample.value) for family in families for sample in family.samples}


@pytest.mark.prometheus
def test_promtool_finds_nothing_to_complain_about(known: Store) -> None:
    promtool = shutil.which("promtool")
    assert promtool
    body = expose(known)
    checked = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
