"""LlamaIndex's models, embeddings, engines, retrievers and workflows, counted as the provider counts them."""

# No annotations of the future: LlamaIndex 0.11 reads those of a workflow's steps as they stand.
import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.llms import ChatMessage, CompletionResponse, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.schema import TextNode
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step
from pydantic import BaseModel
from tests.compat.scenario import of_tasks, of_threads

QUESTION = [ChatMessage(role="user", content="q")]
CHAT = "chat gpt-4o-mini"
EMBEDDING = "embeddings text-embedding-3-small"
RETRIEVAL = f"retrieval VectorIndexRetriever > {EMBEDDING}"
QUERY = "query RetrieverQueryEngine"
ANSWER = f"{QUERY} > synthesize CompactAndRefine > {CHAT}"
Run = Callable[[Any], Any]


class City(BaseModel):
    """A city."""

    name: str


class Asking(CustomLLM):
    """A model of the application's own, which asks another."""

    inner: Any

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="asking")

    @llm_completion_callback()
    def complete(self, prompt: str, **_: Any) -> CompletionResponse:
        return CompletionResponse(text=self.inner.complete(prompt).text)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, **_: Any) -> Any:
        return (part for part in self.inner.stream_complete(prompt))


class Answering(Workflow):
    """A workflow that retrieves, then asks."""

    def __init__(self, app: Any) -> None:
        super().__init__(timeout=10)
        self.app = app

    @step
    async def answer(self, _: StartEvent) -> StopEvent:
        await self.app.retriever.aretrieve("q")
        return StopEvent(result=str(await self.app.llm.achat(QUESTION)))


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


async def answers(app: Any) -> None:
    response = await app.engine(streaming=True).aquery("q")
    await drain(response.async_response_gen())


def chat_engine(app: Any) -> Any:
    memory = ChatMemoryBuffer(token_limit=1000, tokenizer_fn=str.split)
    return app.index.as_chat_engine(llm=app.streaming_llm, chat_mode="context", memory=memory)


async def answers_in_chat(app: Any) -> None:
    response = await chat_engine(app).astream_chat("q")
    await drain(response.async_response_gen())


COMPLETION = "text_completion gpt-4o-mini"
QUERIED = [f"{QUERY} > {RETRIEVAL}", ANSWER]
CHATTED = [f"query ContextChatEngine > {RETRIEVAL}", f"query ContextChatEngine > synthesize CompactAndRefine > {CHAT}"]
STRUCTURED = [f"{CHAT} (wrapper) > {CHAT}"]
STEP = "invoke_workflow Answering > step answer"

SYNC: dict[str, tuple[Run, list[str]]] = {
    "chat": (lambda app: app.llm.chat(QUESTION), [CHAT]),
    "complete": (lambda app: app.llm.complete("q"), [COMPLETION]),
    "stream_chat": (lambda app: list(app.streaming_llm.stream_chat(QUESTION)), [CHAT]),
    "stream_complete": (lambda app: list(app.streaming_llm.stream_complete("q")), [COMPLETION]),
    "query": (lambda app: app.engine().query("q"), QUERIED),
    "streaming query": (lambda app: str(app.engine(streaming=True).query("q")), QUERIED),
    "chat engine": (lambda app: chat_engine(app).chat("q"), CHATTED),
    "streaming chat engine": (lambda app: list(chat_engine(app).stream_chat("q").response_gen), CHATTED),
    "retriever": (lambda app: app.retriever.retrieve("q"), [RETRIEVAL]),
    "embeddings": (lambda app: app.embedder.get_text_embedding_batch(["a", "b", "c"]), [EMBEDDING] * 2),
    "ingestion": (
        lambda app: IngestionPipeline(transformations=[app.embedder]).run(nodes=[TextNode(text="one")]),
        [f"ingest IngestionPipeline > {EMBEDDING}"],
    ),
    "structured": (lambda app: app.llm.as_structured_llm(City).chat(QUESTION), STRUCTURED),
    "own model": (
        lambda app: Asking(inner=app.llm).chat(QUESTION),
        [f"chat asking (wrapper) > text_completion asking (wrapper) > {COMPLETION}"],
    ),
    "own model's stream": (
        lambda app: list(Asking(inner=app.streaming_llm).stream_complete("q")),
        [f"text_completion asking (wrapper) > {COMPLETION}"],
    ),
}
ASYNC: dict[str, tuple[Run, list[str]]] = {
    "achat": (lambda app: app.llm.achat(QUESTION), [CHAT]),
    "acomplete": (lambda app: app.llm.acomplete("q"), [COMPLETION]),
    "aquery": (lambda app: app.engine().aquery("q"), QUERIED),
    "streaming aquery": (answers, QUERIED),
    "chat engine": (lambda app: chat_engine(app).achat("q"), CHATTED),
    "streaming chat engine": (answers_in_chat, CHATTED),
    "retriever": (lambda app: app.retriever.aretrieve("q"), [RETRIEVAL]),
    # The starts of all requests are told before the ends of all: they are one span of two calls.
    "embeddings": (lambda app: app.embedder.aget_text_embedding_batch(["a", "b", "c"]), [EMBEDDING]),
    "structured": (lambda app: app.llm.as_structured_llm(City).achat(QUESTION), STRUCTURED),
    "workflow": (lambda app: Answering(app).run(), [f"{STEP} > {RETRIEVAL}", f"{STEP} > {CHAT}"]),
}


test_what_a_thread_runs = of_threads(SYNC)
test_what_a_task_runs = of_tasks(ASYNC)


async def test_an_asynchronous_stream(app: Any, counted: Any) -> None:
    with counted(CHAT):
        await drain(await app.streaming_llm.astream_chat(QUESTION))


def test_a_stream_nobody_reads(app: Any, counted: Any) -> None:
    with counted(f"{CHAT} (cancelled)"):
        app.streaming_llm.stream_chat(QUESTION)
        gc.collect()


def test_a_stream_closed_early(app: Any, counted: Any) -> None:
    with counted(f"{CHAT} (cancelled)", abandoned=1):
        stream = app.streaming_llm.stream_chat(QUESTION)
        next(stream)
        stream.close()


async def test_an_asynchronous_stream_closed_early(app: Any, counted: Any) -> None:
    with counted(f"{CHAT} (cancelled)", abandoned=1):
        stream = await app.streaming_llm.astream_chat(QUESTION)
        await anext(stream)
        await stream.aclose()


def test_a_streaming_query_closed_early(app: Any, counted: Any) -> None:
    left = [f"{QUERY} (cancelled) > {RETRIEVAL}"]
    left += [f"{QUERY} (cancelled) > synthesize CompactAndRefine (cancelled) > {CHAT} (cancelled)"]
    with counted(*left, abandoned=1):
        response = app.engine(streaming=True).query("q")
        next(response.response_gen)
        response.response_gen.close()


def test_a_refused_request(app: Any, counted: Any) -> None:
    app.provider.fail = [400]
    error = "(BadRequestError)"
    failed = counted(f"{QUERY} {error} > retrieval VectorIndexRetriever {error} > {EMBEDDING} {error}")
    with failed, pytest.raises(Exception, match="400"):
        app.engine().query("q")


async def test_a_cancelled_task(app: Any, counted: Any) -> None:
    with counted(f"{CHAT} (cancelled)"):
        await app.cancel(app.llm.achat(QUESTION))


async def test_a_batch_of_embeddings_whose_first_request_is_refused(app: Any, counted: Any) -> None:
    app.provider.fail = [400]
    app.provider.gate.clear()
    with counted(f"{EMBEDDING} (BadRequestError)", EMBEDDING):
        with pytest.raises(Exception, match="400"):
            await app.embedder.aget_text_embedding_batch(["a", "b", "c"])
        # LlamaIndex has given up; the second request is still under way.
        app.provider.gate.set()
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
