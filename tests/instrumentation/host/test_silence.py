"""Switched off or suppressed, nothing is wrapped, written or counted."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.tracers import context as langchain_context
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from openai.resources.embeddings import AsyncEmbeddings
from openai.resources.embeddings import Embeddings as ClientEmbeddings
from opentelemetry import context

import spanmeter
from spanmeter import metrics
from spanmeter.current import parent_hints
from spanmeter.tally import tally

NAMES = ("langchain", "langgraph", "llama_index", "tracking")


def footprint(tracer_provider: Any) -> dict[str, Any]:
    """Everything `instrument` touches outside its own modules."""
    root = get_dispatcher()
    return {
        "finders": list(sys.meta_path),
        "callbacks": list(langchain_context._configure_hooks),
        "events": list(root.event_handlers),
        "spans": list(root.span_handlers),
        "processors": tracer_provider._active_span_processor._span_processors,
        "client": (ClientEmbeddings.create, AsyncEmbeddings.create),
        "embeddings": DeterministicFakeEmbedding.embed_query,
        "subclassing": "__init_subclass__" in vars(Embeddings),
        "hints": list(parent_hints),
    }


def counts() -> tuple[Any, ...]:
    observed = [line for line in metrics.exposition()[0].splitlines() if b"_count" in line and b"track" not in line]
    return tally.calls, tally.tokens, tally.cost_usd, tally.spans, observed


@contextmanager
def suppressed() -> Iterator[None]:
    token = context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        yield
    finally:
        context.detach(token)


@pytest.mark.parametrize("said", ["true", "TRUE", " True "])
async def test_with_the_sdk_disabled_nothing_is_touched(
    said: str, run: Any, provider: Any, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", said)
    before, counted = footprint(spans.tracer_provider), counts()

    spanmeter.instrument(service_name="test", endpoint=provider.url, tracer_provider=spans.tracer_provider)
    assert footprint(spans.tracer_provider) == before
    with spanmeter.measure() as bill:
        await run("brief")

    assert (counts(), bill.calls) == (counted, 0)
    spanmeter.uninstrument()
    assert footprint(spans.tracer_provider) == before


@pytest.mark.parametrize("name", NAMES)
async def test_where_instrumentation_is_suppressed_nothing_is_written_or_counted(
    name: str, run: Any, instrumented: Any
) -> None:
    expected = await run(name)
    instrumented.tracer_provider.force_flush()  # ends what waits for an estimate
    instrumented.exporter.clear()
    counted = counts()
    with suppressed(), spanmeter.measure() as bill:
        result = await run(name)

    ours = [span.name for span in instrumented.finished if span.instrumentation_scope.name == "spanmeter"]
    assert (result, ours, bill.calls, counts()[:3]) == (expected, [], 0, counted[:3])


@pytest.mark.parametrize("name", NAMES)
async def test_uninstrument_leaves_no_trace(
    name: str, run: Any, provider: Any, spans: Any, caplog: pytest.LogCaptureFixture
) -> None:
    before = footprint(spans.tracer_provider)
    spanmeter.instrument(service_name="test", endpoint=provider.url, tracer_provider=spans.tracer_provider)
    assert footprint(spans.tracer_provider) != before
    expected = await run(name)
    spanmeter.uninstrument()
    assert footprint(spans.tracer_provider) == before
    spans.exporter.clear()
    counted = counts()

    with caplog.at_level(logging.WARNING):
        assert await run(name) == expected
    ours = [span.name for span in spans.finished if span.instrumentation_scope.name == "spanmeter"]
    assert name == "tracking" or (ours, counts()) == ([], counted)
    assert [record for record in caplog.records if record.name.startswith(("spanmeter", "opentelemetry"))] == []
