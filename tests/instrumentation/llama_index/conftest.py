"""LlamaIndex's real OpenAI packages against the local provider, and what spans they leave."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import llama_index.core
import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import INVALID_SPAN

from spanmeter import barrier, semconv
from spanmeter.current import here
from spanmeter.llama_index.open_spans import spans
from spanmeter.settling import settling


class Seen:
    """The spans of a test, as an outline and as sums."""

    def __init__(self, instrumented: Any) -> None:
        self.tracer = instrumented.tracer_provider.get_tracer("application")
        self._exporter = instrumented.exporter

    @property
    def all(self) -> list[ReadableSpan]:
        settling.now()
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def one(self, prefix: str) -> dict[str, Any]:
        (span,) = (span for span in self.all if span.name.startswith(prefix))
        return dict(span.attributes or {})

    def outline(self) -> list[str]:
        """Names in the order of their starts, indented by depth; marks what is not counted."""
        found = {span.context.span_id: span for span in self.all}
        return ["  " * _depth(span, found) + span.name + _mark(span) for span in found.values()]

    def traces(self) -> int:
        return len({span.context.trace_id for span in self.all})

    def totals(self) -> tuple[int, int, int]:
        """Calls, input tokens, output tokens."""
        answered: list[dict[str, Any]] = [dict(span.attributes or {}) for span in self.all if not _mark(span)]
        counted = [of for of in answered if of.get(semconv.OPERATION_NAME) in semconv.CALL_OPERATIONS]
        return (
            sum(of.get(semconv.CALLS, 1) for of in counted),
            sum(of.get(semconv.INPUT_TOKENS, 0) for of in counted),
            sum(of.get(semconv.OUTPUT_TOKENS, 0) for of in counted),
        )


def _depth(span: ReadableSpan, found: dict[int, ReadableSpan]) -> int:
    depth, parent = 0, span.parent
    while parent is not None and parent.span_id in found:
        depth, parent = depth + 1, found[parent.span_id].parent
    return depth


def _mark(span: ReadableSpan) -> str:
    attributes = span.attributes or {}
    if attributes.get(semconv.WRAPPER):
        return " (wrapper)"
    outcome = attributes.get(semconv.OUTCOME) or attributes.get(semconv.ERROR_TYPE)
    return f" ({outcome})" if outcome else ""


@pytest.fixture(autouse=True)
def _tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words for tokens: LlamaIndex would fetch its own tokenizer from the network."""
    monkeypatch.setattr(llama_index.core, "global_tokenizer", str.split)


@pytest.fixture
def seen(instrumented: Any) -> Iterator[Seen]:
    """What an instrumented application finished; faults are counted, for LlamaIndex swallows what is raised."""
    barrier.raise_faults(on=False)
    barrier.faults.clear()
    yield Seen(instrumented)
    assert (here().span, {**spans._open, **spans.models._open}, dict(barrier.faults)) == (INVALID_SPAN, {}, {})


@pytest.fixture
def billed(provider: Any) -> Callable[[], tuple[int, int, int]]:
    """What the provider itself counted: calls, input tokens, output tokens."""
    return lambda: (provider.calls, provider.input_tokens, provider.output_tokens)


@pytest.fixture
async def clients() -> AsyncIterator[dict[str, Any]]:
    """Connections that are closed again."""
    async with httpx.AsyncClient() as asynchronous:
        with httpx.Client() as synchronous:
            yield {"http_client": synchronous, "async_http_client": asynchronous}


@pytest.fixture
def chat_model(provider: Any, clients: dict[str, Any]) -> OpenAI:
    return OpenAI(
        model="gpt-4o-mini",
        api_key="none",
        api_base=f"{provider.url}/v1",
        max_retries=0,
        additional_kwargs={"stream_options": {"include_usage": True}},
        **clients,
    )


@pytest.fixture
def embedder(provider: Any, clients: dict[str, Any]) -> OpenAIEmbedding:
    return OpenAIEmbedding(
        model="text-embedding-3-small",
        api_key="none",
        api_base=f"{provider.url}/v1",
        embed_batch_size=2,
        max_retries=0,
        **clients,
    )


@pytest.fixture
def index(embedder: OpenAIEmbedding) -> VectorStoreIndex:
    nodes = [TextNode(text=text, embedding=[0.1, 0.2]) for text in ("one", "two", "three")]
    return VectorStoreIndex(nodes=nodes, embed_model=embedder)
