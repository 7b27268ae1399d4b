"""Further shapes of LlamaIndex applications: pictures, templates, an index without embeddings, sparse embeddings."""

from __future__ import annotations

from typing import Any

from llama_index.core import Document, PromptTemplate, SummaryIndex
from llama_index.core.base.embeddings.base_sparse import BaseSparseEmbedding
from llama_index.core.llms import ChatMessage
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.compat.scenario import of_tasks, of_threads

import spanmeter
from spanmeter import semconv
from spanmeter.settling import settling

try:
    from llama_index.core.llms import ImageBlock, TextBlock
except ImportError:  # up to 0.11 a message is a text
    SEEN = [ChatMessage(role="user", content="q")]
else:
    PICTURE = ImageBlock(image=b"iVBORw0KGgo=", image_mimetype="image/png")
    SEEN = [ChatMessage(role="user", blocks=[TextBlock(text="q"), PICTURE])]

CHAT = "chat gpt-4o-mini"
QUERY = "query RetrieverQueryEngine"
TEMPLATE = PromptTemplate("{text}")


class Sparse(BaseSparseEmbedding):
    """Embeds on this machine, in few dimensions."""

    def _get_query_embedding(self, query: str) -> dict[int, float]:
        return {len(query): 0.5}

    async def _aget_query_embedding(self, query: str) -> dict[int, float]:
        return self._get_query_embedding(query)

    def _get_text_embedding(self, text: str) -> dict[int, float]:
        return {len(text): 0.5}

    async def _aget_text_embedding(self, text: str) -> dict[int, float]:
        return self._get_text_embedding(text)


def summarised(app: Any) -> Any:
    return SummaryIndex.from_documents([Document(text="one")]).as_query_engine(llm=app.llm)


async def predicted(app: Any) -> None:
    async for _ in await app.streaming_llm.astream(TEMPLATE, text="q"):
        pass


QUERIED = [f"{QUERY} > retrieval SummaryIndexRetriever", f"{QUERY} > synthesize CompactAndRefine > {CHAT}"]

SYNC: dict[str, tuple[Any, list[str]]] = {
    "picture": (lambda app: app.llm.chat(SEEN), [CHAT]),
    "template": (lambda app: app.llm.predict(TEMPLATE, text="q"), [CHAT]),
    "stream of a template": (lambda app: list(app.streaming_llm.stream(TEMPLATE, text="q")), [CHAT]),
    "index without embeddings": (lambda app: summarised(app).query("q"), QUERIED),
}
ASYNC: dict[str, tuple[Any, list[str]]] = {
    "picture": (lambda app: app.llm.achat(SEEN), [CHAT]),
    "template": (lambda app: app.llm.apredict(TEMPLATE, text="q"), [CHAT]),
    "stream of a template": (predicted, [CHAT]),
    "index without embeddings": (lambda app: summarised(app).aquery("q"), QUERIED),
}
test_what_a_thread_runs = of_threads(SYNC)
test_what_a_task_runs = of_tasks(ASYNC)


def test_a_stream_about_a_picture_is_estimated_by_its_text(app: Any, counted: Any) -> None:
    with counted(CHAT, estimated=1):
        list(app.llm.stream_chat(SEEN))


async def test_sparse_embeddings_are_calls(tracer_provider: Any, exporter: InMemorySpanExporter) -> None:
    model = Sparse(model_name="sparse")
    with tracer_provider.get_tracer("application").start_as_current_span("request"), spanmeter.measure() as bill:
        model.get_query_embedding("q")
        await model.aget_text_embedding_batch(["a", "b"])
        settling.now()
    spans = exporter.get_finished_spans()
    found = sorted(span.name for span in spans if semconv.OPERATION_NAME in (span.attributes or {}))
    assert (bill.calls, found) == (2, ["embeddings sparse"] * 2)
