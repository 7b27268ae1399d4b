"""Spans: what is kept of LlamaIndex's methods, below which parent, until when."""

from __future__ import annotations

import asyncio
import gc
import threading
from contextvars import copy_context
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.response.schema import AsyncStreamingResponse, StreamingResponse
from llama_index.core.chat_engine.types import ChatMode
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.postprocessor import SimilarityPostprocessor
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step
from llama_index.core.workflow.errors import WorkflowCancelledByUser  # type: ignore[attr-defined]
from llama_index.llms.openai import OpenAI

from spanmeter import semconv
from spanmeter.llama_index import SpanmeterSpanHandler
from spanmeter.llama_index.open_spans import spans

QUESTION = [ChatMessage(content="What is a closure?")]
QUERY = [
    "request",
    "  query RetrieverQueryEngine",
    "    retrieval VectorIndexRetriever",
    "      embeddings text-embedding-3-small",
    "    synthesize CompactAndRefine",
    "      chat gpt-4o-mini",
]


def _memory() -> ChatMemoryBuffer:
    """The default memory leaves a connection to a database unclosed."""
    return ChatMemoryBuffer(token_limit=1000, tokenizer_fn=str.split)


def _cancelled(outline: list[str], *names: str) -> list[str]:
    return [line + " (cancelled)" if line.split()[0] in names else line for line in outline]


def test_a_query_is_one_trace_without_repeats(
    seen: Any, billed: Any, index: VectorStoreIndex, chat_model: OpenAI
) -> None:
    with seen.tracer.start_as_current_span("request"):
        index.as_query_engine(llm=chat_model).query("q")
    assert seen.outline() == QUERY
    assert seen.totals() == billed()


async def test_an_asynchronous_query_is_the_same(
    seen: Any, billed: Any, index: VectorStoreIndex, chat_model: OpenAI
) -> None:
    with seen.tracer.start_as_current_span("request"):
        await index.as_query_engine(llm=chat_model).aquery("q")
    assert seen.outline() == QUERY
    assert seen.totals() == billed()


def test_a_streaming_query_holds_the_call_made_in_its_consumers_hands(
    seen: Any, billed: Any, index: VectorStoreIndex, chat_model: OpenAI
) -> None:
    with seen.tracer.start_as_current_span("request"):
        response = index.as_query_engine(llm=chat_model, streaming=True).query("q")
        assert isinstance(response, StreamingResponse)
        assert "".join(response.response_gen).split() == ["Hello", "world"]
    assert seen.outline() == QUERY
    assert seen.totals() == billed()


async def test_an_asynchronous_streaming_query_is_the_same(
    seen: Any, billed: Any, index: VectorStoreIndex, chat_model: OpenAI
) -> None:
    with seen.tracer.start_as_current_span("request"):
        response = await index.as_query_engine(llm=chat_model, streaming=True).aquery("q")
        assert isinstance(response, AsyncStreamingResponse)
        assert [text async for text in response.async_response_gen() if text] == ["Hello ", "world "]
    assert seen.outline() == QUERY
    assert seen.totals() == billed()


def test_a_streaming_query_read_in_a_thread_without_its_context_stays_in_its_trace(
    seen: Any, billed: Any, index: VectorStoreIndex, chat_model: OpenAI
) -> None:
    with seen.tracer.start_as_current_span("request"):
        response = index.as_query_engine(llm=chat_model, streaming=True).query("q")
    reader = threading.Thread(target=str, args=(response,))
    reader.start()
    reader.join()
    assert seen.outline() == QUERY
    assert seen.totals() == billed()


def test_a_streaming_query_takes_as_long_as_its_stream(seen: Any, index: VectorStoreIndex, chat_model: OpenAI) -> None:
    str(index.as_query_engine(llm=chat_model, streaming=True).query("q"))
    ends = {span.name.split()[0]: span.end_time for span in seen.all}
    assert ends["chat"] < ends["synthesize"] < ends["query"]


def test_what_a_streams_consumer_does_meanwhile_is_not_part_of_the_stream(
    seen: Any, billed: Any, index: VectorStoreIndex, chat_model: OpenAI
) -> None:
    with seen.tracer.start_as_current_span("request"):
        response: Any = index.as_query_engine(llm=chat_model, streaming=True).query("q")
        next(response.response_gen)
        chat_model.complete("x")
        str(response)
    assert seen.outline() == [*QUERY, "  text_completion gpt-4o-mini"]
    assert seen.totals() == billed()


def test_a_streaming_query_nobody_reads_asks_no_model(seen: Any, index: VectorStoreIndex, chat_model: OpenAI) -> None:
    with seen.tracer.start_as_current_span("request"):
        index.as_query_engine(llm=chat_model, streaming=True).query("q")
        gc.collect()
    assert seen.outline() == _cancelled(QUERY[:-1], "query", "synthesize")


def test_a_streaming_query_closed_early_is_cancelled(seen: Any, index: VectorStoreIndex, chat_model: OpenAI) -> None:
    with seen.tracer.start_as_current_span("request"):
        response: Any = index.as_query_engine(llm=chat_model, streaming=True).query("q")
        next(response.response_gen)
        response.response_gen.close()
    assert seen.outline() == _cancelled(QUERY, "query", "synthesize", "chat")


def test_a_failing_query_marks_everything_on_the_way(
    seen: Any, provider: Any, index: VectorStoreIndex, chat_model: OpenAI
) -> None:
    provider.fail_next.append(400)
    with pytest.raises(Exception, match="400"):
        index.as_query_engine(llm=chat_model).query("q")
    assert seen.outline() == [
        "query RetrieverQueryEngine (BadRequestError)",
        "  retrieval VectorIndexRetriever (BadRequestError)",
        "    embeddings text-embedding-3-small (BadRequestError)",
    ]


def test_a_retrieval_says_how_much_it_found_and_how_good(seen: Any, index: VectorStoreIndex) -> None:
    index.as_retriever(similarity_top_k=2).retrieve("q")
    assert seen.outline() == ["retrieval VectorIndexRetriever", "  embeddings text-embedding-3-small"]
    told = seen.one("retrieval")
    assert told.pop(semconv.TOP_SCORE) == pytest.approx(1)
    assert sorted(told.pop(semconv.DOCUMENT_BYTES).split()) in (["3", "3"], ["3", "5"])
    assert told == {semconv.OPERATION_NAME: "retrieval", semconv.FRAMEWORK: "llama_index", semconv.DOCUMENT_COUNT: 2}


def test_a_step_after_a_retrieval_says_what_it_left(seen: Any, index: VectorStoreIndex) -> None:
    found = index.as_retriever(similarity_top_k=3).retrieve("q")
    SimilarityPostprocessor(similarity_cutoff=0.5).postprocess_nodes(found[:1])
    told = seen.one("postprocess")
    assert (told[semconv.DOCUMENT_COUNT], told[semconv.DOCUMENT_BYTES]) == (1, str(len(found[0].text)))


def test_a_copied_context_carries_the_parent_into_a_thread(seen: Any, index: VectorStoreIndex) -> None:
    with seen.tracer.start_as_current_span("request"):
        thread = threading.Thread(target=copy_context().run, args=(index.as_retriever().retrieve, "q"))
        thread.start()
        thread.join()
    assert seen.outline() == ["request", "  retrieval VectorIndexRetriever", "    embeddings text-embedding-3-small"]


def test_a_tool_is_known_by_its_name(seen: Any, index: VectorStoreIndex) -> None:
    FunctionTool.from_defaults(index.as_retriever().retrieve, name="search", description="Finds passages.")("q")
    assert seen.outline()[:2] == ["execute_tool search", "  retrieval VectorIndexRetriever"]
    assert seen.one("execute_tool")[semconv.TOOL_NAME] == "search"


async def test_a_workflow_shows_its_steps(seen: Any, billed: Any, index: VectorStoreIndex, chat_model: OpenAI) -> None:
    class Answering(Workflow):
        @step
        async def answer(self, _: StartEvent) -> StopEvent:
            await index.as_retriever().aretrieve("q")
            return StopEvent(result=str(await chat_model.acomplete("x")))

    with seen.tracer.start_as_current_span("request"):
        await Answering(timeout=10).run()
    assert seen.outline() == [
        "request",
        "  invoke_workflow Answering",
        "    step answer",
        "      retrieval VectorIndexRetriever",
        "        embeddings text-embedding-3-small",
        "      text_completion gpt-4o-mini",
    ]
    assert seen.totals() == billed()


@pytest.mark.filterwarnings("ignore:The `__fields:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning")
async def test_an_agent_shows_its_model_calls_and_tools(
    seen: Any, provider: Any, billed: Any, chat_model: OpenAI
) -> None:
    def search(q: str) -> str:
        """Find passages."""
        return q

    provider.tool = {"name": "search", "arguments": '{"q": "closure"}'}
    await FunctionAgent(name="librarian", tools=[search], llm=chat_model).run("q", memory=_memory())
    assert seen.outline() == [
        "invoke_agent librarian",
        "  chat gpt-4o-mini",
        "  execute_tool search",
        "  chat gpt-4o-mini",
    ]
    assert seen.totals() == billed()


async def test_concurrent_queries_keep_apart(seen: Any, index: VectorStoreIndex, chat_model: OpenAI) -> None:
    async def ask() -> None:
        with seen.tracer.start_as_current_span("request"):
            await index.as_query_engine(llm=chat_model).aquery("q")

    await asyncio.gather(*(ask() for _ in range(3)))
    assert seen.traces() == 3
    assert sorted(seen.outline()) == sorted(QUERY * 3)


async def test_a_cancelled_workflow_is_no_error(seen: Any) -> None:
    started = asyncio.Event()

    class Waiting(Workflow):
        @step
        async def wait(self, _: StartEvent) -> StopEvent:
            started.set()
            await asyncio.sleep(60)
            return StopEvent()

    running = Waiting(timeout=60).run()
    await started.wait()
    await running.cancel_run()
    with pytest.raises(WorkflowCancelledByUser):
        await running
    assert seen.outline() == ["invoke_workflow Waiting (cancelled)", "  step wait (cancelled)"]


def test_a_chat_engine_streams_through_its_synthesizer(
    seen: Any, billed: Any, index: VectorStoreIndex, chat_model: OpenAI
) -> None:
    engine = index.as_chat_engine(chat_mode=ChatMode.CONTEXT, llm=chat_model, memory=_memory())
    answer: Any = engine.stream_chat("q")
    assert "".join(answer.response_gen).split() == ["Hello", "world"]
    assert seen.outline() == ["query ContextChatEngine", *(line.removeprefix("  ") for line in QUERY[2:])]
    assert seen.totals() == billed()


def test_when_too_much_is_open_the_oldest_gives_way(seen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans._open, "max_open", 1)
    tool = FunctionTool.from_defaults(len, name="count")
    spans.enter("FunctionTool.call-" + "0" * 36, tool, None)
    spans.enter("FunctionTool.call-" + "1" * 36, tool, None)
    spans.exit("FunctionTool.call-" + "1" * 36, 1)
    assert seen.outline() == ["execute_tool count (cancelled)", "  execute_tool count"]


def test_the_dispatchers_shutdown_ends_what_is_open(seen: Any) -> None:
    spans.enter("OpenAI.chat-" + "0" * 36, None, None)
    SpanmeterSpanHandler().close()
    assert spans._open == {}
    assert seen.all == []
