"""Calls to models: what LlamaIndex's events tell becomes one counted call per provider request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import openai
import pytest
from llama_index.core.embeddings.mock_embed_model import MockEmbedding
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.llms import ChatMessage, ChatResponse, CompletionResponse, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.prompts import PromptTemplate
from llama_index.core.storage.kvstore import SimpleKVStore
from llama_index.core.types import PydanticProgramMode
from llama_index.llms.openai import OpenAI
from pydantic import BaseModel

from spanmeter import semconv
from spanmeter.llama_index import SpanmeterEventHandler, SpanmeterSpanHandler

QUESTION = [ChatMessage(content="What is a closure?")]


class City(BaseModel):
    """A city."""

    name: str


class Echo(CustomLLM):
    """A model of the application's own, which answers without any provider."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="echo")

    @llm_completion_callback()
    def complete(self, prompt: str, **_: Any) -> CompletionResponse:
        return CompletionResponse(text=prompt)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, **_: Any) -> Any:
        return (CompletionResponse(text=prompt, delta=word) for word in prompt.split())


class Chatting(Echo):
    """A model that completes by chatting and tells of the usage both times, as Anthropic's does."""

    @llm_chat_callback()
    def chat(self, messages: Any, **_: Any) -> ChatResponse:
        usage = {"input_tokens": 30, "output_tokens": 20, "cache_read_input_tokens": 50}
        return ChatResponse(message=messages[0], raw={"model": "claude-sonnet-4-5", "usage": usage})

    @llm_completion_callback()
    def complete(self, prompt: str, **_: Any) -> CompletionResponse:
        return CompletionResponse(text=prompt, raw=self.chat([ChatMessage(content=prompt)]).raw)

    @classmethod
    def class_name(cls) -> str:
        return "Anthropic_LLM"


async def _all(stream: Any) -> list[Any]:
    return [item async for item in await stream]


ONE_CALL: dict[str, tuple[Callable[[OpenAI], Any], str]] = {
    "chat": (lambda model: model.chat(QUESTION), "chat"),
    "complete": (lambda model: model.complete("x"), "text_completion"),
    "stream_chat": (lambda model: list(model.stream_chat(QUESTION)), "chat"),
    "stream_complete": (lambda model: list(model.stream_complete("x")), "text_completion"),
    "predict": (lambda model: model.predict(PromptTemplate("x")), "chat"),
}
ONE_ASYNCHRONOUS_CALL: dict[str, tuple[Callable[[OpenAI], Any], str]] = {
    "achat": (lambda model: model.achat(QUESTION), "chat"),
    "acomplete": (lambda model: model.acomplete("x"), "text_completion"),
    "astream_chat": (lambda model: _all(model.astream_chat(QUESTION)), "chat"),
    "astream_complete": (lambda model: _all(model.astream_complete("x")), "text_completion"),
    "apredict": (lambda model: model.apredict(PromptTemplate("x")), "chat"),
}


@pytest.mark.parametrize(("ask", "operation"), ONE_CALL.values(), ids=ONE_CALL)
def test_every_way_to_ask_a_model_is_one_call_with_the_providers_tokens(
    ask: Callable[[OpenAI], Any], operation: str, seen: Any, billed: Any, chat_model: OpenAI
) -> None:
    ask(chat_model)
    assert seen.outline() == [f"{operation} gpt-4o-mini"]
    assert seen.totals() == billed()


@pytest.mark.parametrize(("ask", "operation"), ONE_ASYNCHRONOUS_CALL.values(), ids=ONE_ASYNCHRONOUS_CALL)
async def test_every_asynchronous_way_to_ask_a_model_is_one_call_with_the_providers_tokens(
    ask: Callable[[OpenAI], Any], operation: str, seen: Any, billed: Any, chat_model: OpenAI
) -> None:
    await ask(chat_model)
    assert seen.outline() == [f"{operation} gpt-4o-mini"]
    assert seen.totals() == billed()


def test_a_chat_says_who_answered_what_it_used_and_how_it_ended(seen: Any, chat_model: OpenAI) -> None:
    chat_model.chat(QUESTION)
    told = seen.one("chat")
    for cost in (semconv.COST_USD, semconv.COST_GRADE):
        told.pop(cost, None)
    assert told == {
        semconv.OPERATION_NAME: "chat",
        semconv.FRAMEWORK: "llama_index",
        semconv.PROVIDER_NAME: "openai",
        semconv.REQUEST_MODEL: "gpt-4o-mini",
        semconv.RESPONSE_MODEL: "gpt-4o-mini-2025-08-07",
        semconv.RESPONSE_ID: "chatcmpl-1",
        semconv.FINISH_REASONS: ("stop",),
        semconv.OPENAI_SERVICE_TIER: "default",
        semconv.INPUT_TOKENS: 100,
        semconv.OUTPUT_TOKENS: 20,
        semconv.CACHE_READ_TOKENS: 64,
        semconv.REASONING_TOKENS: 8,
        semconv.USAGE_GRADE: "reported",
    }


def test_a_stream_tells_its_first_chunk_and_how_it_ended(seen: Any, chat_model: OpenAI) -> None:
    list(chat_model.stream_chat(QUESTION))
    told = seen.one("chat")
    assert told[semconv.REQUEST_STREAM] is True
    assert told[semconv.TIME_TO_FIRST_CHUNK] > 0
    assert told[semconv.FINISH_REASONS] == ("stop",)


def test_no_text_and_no_header_reaches_a_span(seen: Any, chat_model: OpenAI) -> None:
    chat_model.default_headers = {"x-tenant": "closure-secret"}
    chat_model.chat(QUESTION)
    assert not [value for value in seen.one("chat").values() if "closure" in str(value) or "Hello" in str(value)]


def test_a_structured_model_only_wraps_the_one_that_is_asked(
    seen: Any, provider: Any, billed: Any, chat_model: OpenAI
) -> None:
    provider.tool = {"name": "City", "arguments": '{"name": "Ghent"}'}
    chat_model.pydantic_program_mode = PydanticProgramMode.FUNCTION
    chat_model.as_structured_llm(City).chat(QUESTION)
    assert seen.outline() == ["chat gpt-4o-mini (wrapper)", "  chat gpt-4o-mini"]
    assert seen.totals() == billed()


@pytest.mark.filterwarnings("ignore:The `json` method:DeprecationWarning")
def test_a_stream_of_a_structured_model_only_wraps_the_one_that_is_asked(
    seen: Any, provider: Any, billed: Any, chat_model: OpenAI
) -> None:
    provider.tool = {"name": "City", "arguments": '{"name": "Ghent"}'}
    chat_model.pydantic_program_mode = PydanticProgramMode.FUNCTION
    list(chat_model.as_structured_llm(City).stream_chat(QUESTION))
    assert seen.outline() == ["chat gpt-4o-mini (wrapper)", "  chat gpt-4o-mini"]
    assert seen.totals() == billed()


def test_a_model_that_chats_by_completing_is_one_call(seen: Any) -> None:
    Echo().chat(QUESTION)
    assert seen.outline() == ["chat echo (wrapper)", "  text_completion echo"]


def test_usage_that_is_told_twice_of_one_call_counts_once(seen: Any) -> None:
    Chatting().complete("x")
    assert seen.outline() == ["text_completion echo (wrapper)", "  chat echo"]
    assert seen.totals() == (1, 80, 20)


def test_a_refused_request_is_an_error_of_the_providers_class(seen: Any, provider: Any, chat_model: OpenAI) -> None:
    provider.fail_next.append(400)
    with pytest.raises(openai.BadRequestError):
        chat_model.chat(QUESTION)
    assert seen.outline() == ["chat gpt-4o-mini (BadRequestError)"]


def test_a_refused_stream_is_an_error(seen: Any, provider: Any, chat_model: OpenAI) -> None:
    provider.fail_next.append(400)
    with pytest.raises(openai.BadRequestError):
        list(chat_model.stream_chat(QUESTION))
    assert seen.outline() == ["chat gpt-4o-mini (BadRequestError)"]


async def test_a_cancelled_call_is_no_error(seen: Any, chat_model: OpenAI) -> None:
    task = asyncio.create_task(chat_model.achat(QUESTION))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen.outline() == ["chat gpt-4o-mini (cancelled)"]


async def test_concurrent_calls_are_siblings(seen: Any, billed: Any, chat_model: OpenAI) -> None:
    with seen.tracer.start_as_current_span("request"):
        await asyncio.gather(*(chat_model.achat(QUESTION) for _ in range(3)))
    assert seen.outline() == ["request", *["  chat gpt-4o-mini"] * 3]
    assert seen.totals() == billed()


def test_a_batch_of_embeddings_is_a_call_for_each_request(seen: Any, billed: Any, embedder: Any) -> None:
    embedder.get_text_embedding_batch(["a", "b", "c"])
    assert seen.outline() == ["embeddings text-embedding-3-small"] * 2
    assert seen.totals() == billed()


@pytest.mark.parametrize("workers", [1, 2])
async def test_an_asynchronous_batch_of_embeddings_counts_its_requests(
    workers: int, seen: Any, billed: Any, embedder: Any
) -> None:
    embedder.num_workers = workers
    await embedder.aget_text_embedding_batch(["a", "b", "c"])
    assert seen.outline() == ["embeddings text-embedding-3-small"]
    assert seen.one("embeddings")[semconv.CALLS] == 2
    assert seen.totals() == billed()


def test_embeddings_from_the_applications_cache_are_no_call(seen: Any, billed: Any, embedder: Any) -> None:
    embedder.embeddings_cache = SimpleKVStore()
    embedder.get_query_embedding("a")
    embedder.get_query_embedding("a")
    assert [(span.attributes or {}).get(semconv.CACHE_HIT) for span in seen.all] == [None, True]
    assert billed() == (1, 7, 0)


def test_embeddings_of_a_client_that_reports_nothing_are_a_call_with_estimated_tokens(seen: Any) -> None:
    MockEmbedding(embed_dim=2).get_text_embedding_batch(["a closure", "is a function"])
    assert (seen.outline(), seen.totals()) == (["embeddings"], (1, 5, 0))
    assert seen.one("embeddings")[semconv.USAGE_GRADE] == "estimated"


def test_a_model_that_reports_nothing_is_estimated(seen: Any) -> None:
    Echo().complete("a closure is a function")
    told = seen.one("text_completion")
    assert told[semconv.USAGE_GRADE] == "estimated"
    assert told[semconv.INPUT_TOKENS] >= told[semconv.OUTPUT_TOKENS] == 5


def test_refused_embeddings_are_an_error(seen: Any, provider: Any, embedder: Any) -> None:
    provider.fail_next.append(400)
    with pytest.raises(openai.BadRequestError):
        embedder.get_query_embedding("a")
    assert seen.outline() == ["embeddings text-embedding-3-small (BadRequestError)"]


def test_a_rerank_is_a_call_of_its_own(seen: Any) -> None:
    class CohereRerank(BaseNodePostprocessor):
        def _postprocess_nodes(self, nodes: Any, _: Any = None) -> Any:
            dispatcher = get_dispatcher("tests")
            dispatcher.event(ReRankStartEvent(query="q", nodes=nodes, top_n=1, model_name="rerank-v3.5"))
            dispatcher.event(ReRankEndEvent(nodes=nodes))
            return nodes

    CohereRerank().postprocess_nodes([], query_str="q")
    assert seen.outline() == ["postprocess CohereRerank", "  rerank rerank-v3.5"]
    assert seen.one("rerank")[semconv.PROVIDER_NAME] == "cohere"


async def test_further_handlers_do_not_count_again(seen: Any, billed: Any, chat_model: OpenAI, embedder: Any) -> None:
    root = get_dispatcher()
    root.add_event_handler(SpanmeterEventHandler())
    root.add_span_handler(SpanmeterSpanHandler())
    chat_model.chat(QUESTION)
    await embedder.aget_text_embedding_batch(["a", "b", "c"])
    assert seen.outline() == ["chat gpt-4o-mini", "embeddings text-embedding-3-small"]
    assert seen.totals() == billed()
