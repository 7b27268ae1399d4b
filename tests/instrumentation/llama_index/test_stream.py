"""Streams of models: open as long as they run, current only while they run."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage, CompletionResponse, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI

from spanmeter import semconv

QUESTION = [ChatMessage(content="What is a closure?")]


class Silent(CustomLLM):
    """A model that says nothing."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="silent")

    @llm_completion_callback()
    def complete(self, *_: Any, **__: Any) -> CompletionResponse:
        return CompletionResponse(text="")

    @llm_completion_callback()
    def stream_complete(self, *_: Any, **__: Any) -> Any:
        yield from ()


class Waiting(Silent):
    """A model that waits within its stream."""

    reached: Any
    goes_on: Any

    @llm_completion_callback()
    def stream_complete(self, *_: Any, **__: Any) -> Any:
        self.reached.set()
        self.goes_on.wait(5)
        yield CompletionResponse(text="one", delta="one")


def test_a_stream_never_read_is_no_call(seen: Any, billed: Any, chat_model: OpenAI) -> None:
    chat_model.stream_chat(QUESTION)
    gc.collect()
    assert seen.outline() == ["chat gpt-4o-mini (cancelled)"]
    assert billed() == seen.totals() == (0, 0, 0)


async def test_a_stream_goes_with_the_failed_task_that_held_it(seen: Any, chat_model: OpenAI) -> None:
    async def fail() -> None:
        stream = chat_model.stream_chat(QUESTION)
        next(stream)
        raise ZeroDivisionError

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    assert isinstance(task.exception(), ZeroDivisionError)
    del task
    gc.collect()
    assert seen.outline() == ["chat gpt-4o-mini (cancelled)"]


async def test_an_asynchronous_stream_never_read_is_no_call(seen: Any, billed: Any, chat_model: OpenAI) -> None:
    await chat_model.astream_chat(QUESTION)
    gc.collect()
    assert seen.outline() == ["chat gpt-4o-mini (cancelled)"]
    assert billed() == (0, 0, 0)


def test_a_stream_closed_early_is_cancelled(seen: Any, chat_model: OpenAI) -> None:
    stream = chat_model.stream_chat(QUESTION)
    next(stream)
    stream.close()
    assert seen.outline() == ["chat gpt-4o-mini (cancelled)"]


def test_a_stream_closed_after_it_said_something_carries_an_estimate(seen: Any, chat_model: OpenAI) -> None:
    stream = chat_model.stream_chat(QUESTION)
    assert next(stream).delta == "Hello "
    stream.close()
    told = seen.one("chat")
    assert (told[semconv.USAGE_GRADE], told[semconv.OUTPUT_TOKENS]) == ("estimated", 2)
    assert told[semconv.INPUT_TOKENS] > 4


def test_a_stream_closed_amid_a_call_of_a_tool_carries_an_estimate(
    seen: Any, provider: Any, chat_model: OpenAI
) -> None:
    provider.tool = {"name": "City", "arguments": '{"name": "Ghent"}'}
    stream = chat_model.stream_chat(QUESTION)
    next(stream)
    stream.close()
    told = seen.one("chat")
    assert (told[semconv.USAGE_GRADE], told[semconv.OUTPUT_TOKENS]) == ("estimated", 8)


async def test_a_stream_that_runs_out_of_time_carries_an_estimate(seen: Any, chat_model: OpenAI) -> None:
    async def read_slowly() -> None:
        async for chunk in await chat_model.astream_chat(QUESTION):
            await asyncio.sleep(5 if chunk.delta else 0)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(read_slowly(), 0.2)
    gc.collect()
    assert seen.outline() == ["chat gpt-4o-mini (cancelled)"]
    assert seen.one("chat")[semconv.USAGE_GRADE] == "estimated"


async def test_an_asynchronous_stream_closed_early_is_cancelled(seen: Any, chat_model: OpenAI) -> None:
    stream = await chat_model.astream_chat(QUESTION)
    await anext(stream)
    await stream.aclose()
    assert seen.outline() == ["chat gpt-4o-mini (cancelled)"]


def test_streams_read_side_by_side_are_siblings(seen: Any, billed: Any, chat_model: OpenAI) -> None:
    with seen.tracer.start_as_current_span("request"):
        first, second = chat_model.stream_chat(QUESTION), chat_model.stream_chat(QUESTION)
        for _ in zip(first, second, strict=True):
            chat_model.chat(QUESTION)
    assert set(seen.outline()) == {"request", "  chat gpt-4o-mini"}
    assert seen.totals() == billed()


def test_a_span_of_the_application_inside_a_stream_does_not_make_it_a_wrapper(
    seen: Any, billed: Any, chat_model: OpenAI
) -> None:
    for _ in chat_model.stream_chat(QUESTION):
        with seen.tracer.start_as_current_span("consumer"):
            chat_model.chat(QUESTION)
    assert seen.totals() == billed()


def test_an_error_in_the_consumer_leaves_nothing_open(seen: Any, chat_model: OpenAI) -> None:
    def consume() -> None:
        for _ in chat_model.stream_chat(QUESTION):
            raise LookupError

    with pytest.raises(LookupError):
        consume()
    gc.collect()
    assert seen.outline() == ["chat gpt-4o-mini (cancelled)"]


def test_a_stream_that_ends_without_a_word_is_over_though_its_error_is_kept(seen: Any) -> None:
    def ask(text: str) -> None:
        list(Silent().stream_complete(text))

    with pytest.raises(ValueError, match="LLMCompletionEndEvent") as kept:
        FunctionTool.from_defaults(ask).call("q")
    assert seen.outline() == ["execute_tool ask (ValidationError)", "  text_completion silent (cancelled)"]
    assert kept.value is not None


def test_what_a_consumer_asks_while_a_thread_reads_the_stream_is_beside_it(seen: Any, chat_model: OpenAI) -> None:
    model = Waiting(reached=threading.Event(), goes_on=threading.Event())
    with seen.tracer.start_as_current_span("request"):
        reader = threading.Thread(target=list, args=(model.stream_complete("q"),))
        reader.start()
        model.reached.wait(5)
        chat_model.complete("x")
        model.goes_on.set()
        reader.join()
    assert seen.outline() == ["request", "  text_completion silent", "  text_completion gpt-4o-mini"]
