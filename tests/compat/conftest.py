"""A request on a local provider that keeps its own account, and the check that ours says the same.

Everything here runs on each pair of versions of `matrix.py`, so it keeps to what all of them have.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from time import monotonic, sleep
from typing import Any

import httpx
import llama_index.core
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.compat.account import account, mark, total
from tests.compat.application import Application
from tests.compat.provider import Provider, serving

import spanmeter
from spanmeter import barrier, semconv
from spanmeter.langchain.runs import runs
from spanmeter.llama_index.open_spans import spans as llama_index_spans
from spanmeter.settling import settling


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving() as served:
        yield served


@pytest.fixture
async def app(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Application]:
    # LlamaIndex would fetch its own tokenizer from the network.
    monkeypatch.setattr(llama_index.core, "global_tokenizer", str.split)
    async with httpx.AsyncClient(verify=False) as asynchronous:
        with httpx.Client(verify=False) as synchronous:
            yield Application(provider, synchronous, asynchronous)


@pytest.fixture
def tracer_provider(provider: Provider, exporter: InMemorySpanExporter) -> Iterator[TracerProvider]:
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    barrier.faults.clear()
    spanmeter.instrument(service_name="test", endpoint=provider.url, tracer_provider=tracer_provider)
    yield tracer_provider
    spanmeter.uninstrument()


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


Counted = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def counted(
    provider: Provider,
    tracer_provider: TracerProvider,
    exporter: InMemorySpanExporter,
    caplog: pytest.LogCaptureFixture,
) -> Counted:
    """Return a block that is one request: at its end all that is promised of a request must hold.

    It is given the path from the request to each innermost span, "node ask > chat gpt-4o", and how many of
    the provider's last answers nobody heard to their end, so that nobody could have read what they cost: `abandoned`
    ones before they said anything, `estimated` ones by what was asked and what they said.
    """

    @contextlib.contextmanager
    def request(*paths: str, abandoned: int = 0, estimated: int = 0) -> Iterator[None]:
        tracer = tracer_provider.get_tracer("application")
        with tracer.start_as_current_span("request") as span, spanmeter.measure() as bill:
            with _collecting():
                yield
            _wait_for_threads()
            assert trace.get_current_span().get_span_context() == span.get_span_context(), "a span is left current"
        settling.now()
        finished = exporter.get_finished_spans()
        assert sorted(_paths(finished)) == sorted(f"request > {path}" for path in paths)
        assert len({span.context.trace_id for span in finished if span.context}) == 1
        heard = len(provider.answers) - abandoned - estimated
        guesses = [account(span) for span in finished if _grades(span) == ("estimated", "estimated")]
        reported = [account(span) for span in finished if _grades(span) != ("estimated", "estimated")]
        assert [calls for calls, asked, *_ in guesses if asked] == [1] * estimated
        assert total(reported) == total([answered.account for answered in provider.answers[:heard]])
        assert (bill.calls, bill.input_tokens, bill.output_tokens, bill.cost_usd) == total(guesses + reported)
        assert [*runs._open, *llama_index_spans._open, *llama_index_spans.models._open] == []
        assert (dict(barrier.faults), _complaints(caplog)) == ({}, [])

    return request


@contextlib.contextmanager
def _collecting() -> Iterator[None]:
    """Collect the garbage of a block at its end and not before.

    A dropped stream is closed under a lock that the thread holds while it sends a request.
    """
    gc.disable()
    try:
        yield
        gc.collect()
    finally:
        gc.enable()


def _wait_for_threads() -> None:
    """Let the threads end that a framework has read a stream for its consumer."""
    deadline = monotonic() + 2
    while (runs._open or llama_index_spans._open or llama_index_spans.models._open) and monotonic() < deadline:
        sleep(0.005)


def _grades(span: ReadableSpan) -> tuple[Any, Any]:
    said = span.attributes or {}
    return said.get(semconv.USAGE_GRADE), said.get(semconv.COST_GRADE)


def _paths(finished: tuple[ReadableSpan, ...]) -> Iterator[str]:
    """Every innermost span under its ancestors; chains inside which nothing happened differ between versions."""
    known = {span.context.span_id: span for span in finished if span.context}
    parents = {span.parent.span_id for span in finished if span.parent}
    for span_id, span in known.items():
        if span_id not in parents and not (span.name.startswith("chain ") and not mark(span)):
            yield " > ".join(reversed(list(_ancestry(span, known))))


def _ancestry(span: ReadableSpan | None, known: dict[int, ReadableSpan]) -> Iterator[str]:
    while span is not None:
        yield span.name + mark(span)
        span = known.get(span.parent.span_id) if span.parent else None


def _complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    loggers = ("opentelemetry", "langchain_core.callbacks", "spanmeter")
    return [record.getMessage() for record in caplog.get_records("call") if record.name.startswith(loggers)]
