"""Streams, tasks and requests of LlamaIndex that do not go to their end: whatever happens, they are told once."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel
from tests.compat.scenario import of_tasks

CHAT = "chat gpt-4o-mini"
EMBEDDING = "embeddings text-embedding-3-small"
QUERY = "query RetrieverQueryEngine"
RETRIEVED = f"retrieval VectorIndexRetriever > {EMBEDDING}"
QUERIED = [f"{QUERY} > {RETRIEVED}", f"{QUERY} > synthesize CompactAndRefine > {CHAT}"]
ASKED = f"{QUERY} (cancelled) > retrieval VectorIndexRetriever (cancelled) > {EMBEDDING} (cancelled)"
QUESTION = [ChatMessage(role="user", content="q")]
FAILED = "(InternalServerError)"
Run = Callable[[Any], Any]


class City(BaseModel):
    """A city."""

    name: str


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


def dropped(app: Any) -> None:
    next(app.streaming_llm.stream_chat(QUESTION))
    gc.collect()


def kept_and_not_read(app: Any) -> None:
    streams = [app.streaming_llm.stream_chat(QUESTION) for _ in range(3)]
    del streams
    gc.collect()


def side_by_side(app: Any) -> None:
    first, second = app.streaming_llm.stream_chat(QUESTION), app.streaming_llm.stream_chat(QUESTION)
    list(zip(first, second, strict=True))


def read_in_another_thread(app: Any) -> None:
    response = app.engine(streaming=True).query("q")
    reader = threading.Thread(target=str, args=(response,))
    reader.start()
    reader.join()


async def at_once(app: Any) -> None:
    async def ask() -> None:
        response = await app.engine(streaming=True).aquery("q")
        await drain(response.async_response_gen())

    await asyncio.gather(*(ask() for _ in range(3)))


async def structured(app: Any) -> None:
    stream = await app.streaming_llm.astream_structured_predict(City, PromptTemplate("{a}"), a="b")
    await drain(stream)


async def refused_then_asked_again(app: Any) -> None:
    app.provider.fail = [500]
    with contextlib.suppress(Exception):
        await app.llm.achat(QUESTION)
    await app.llm.achat(QUESTION)


def refused_by_the_client_first(app: Any) -> None:
    app.provider.fail = [429, 429]
    app.llm.max_retries = 3
    app.llm.chat(QUESTION)


async def in_turn(app: Any) -> None:
    for _ in range(2):
        await app.engine().aquery("q")


SYNC: dict[str, tuple[Run, list[str], int]] = {
    "dropped": (dropped, [f"{CHAT} (cancelled)"], 1),
    "not read": (kept_and_not_read, [f"{CHAT} (cancelled)"] * 3, 0),
    "side by side": (side_by_side, [CHAT] * 2, 0),
    "read in another thread": (read_in_another_thread, QUERIED, 0),
    "structured": (
        lambda app: list(app.streaming_llm.stream_structured_predict(City, PromptTemplate("{a}"), a="b")),
        [CHAT],
        0,
    ),
    "tried again by the client": (refused_by_the_client_first, [CHAT], 0),
}
ASYNC: dict[str, tuple[Run, list[str]]] = {
    "at once": (at_once, QUERIED * 3),
    "structured": (structured, [CHAT]),
    "tried again": (refused_then_asked_again, [f"{CHAT} {FAILED}", CHAT]),
    "one query after another": (in_turn, QUERIED * 2),
    "a cancelled query": (lambda app: app.cancel(app.engine().aquery("q")), [ASKED]),
}


@pytest.mark.parametrize(("run", "paths", "abandoned"), SYNC.values(), ids=SYNC)
def test_what_a_thread_runs(run: Run, paths: list[str], abandoned: int, app: Any, counted: Any) -> None:
    with counted(*paths, abandoned=abandoned):
        run(app)


test_what_a_task_runs = of_tasks(ASYNC)


async def test_a_query_that_runs_out_of_time(app: Any, counted: Any) -> None:
    app.provider.hold = True
    with counted(ASKED), pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(app.engine().aquery("q"), 0.1)
    app.provider.released.set()


def test_a_stream_that_is_refused(app: Any, counted: Any) -> None:
    app.provider.fail = [500]
    with counted(f"{CHAT} {FAILED}"), pytest.raises(Exception, match="500"):
        list(app.streaming_llm.stream_chat(QUESTION))


def test_a_stream_dropped_after_it_said_something(app: Any, counted: Any) -> None:
    with counted(f"{CHAT} (cancelled)", estimated=1):
        stream = app.streaming_llm.stream_chat(QUESTION)
        assert [next(stream).delta for _ in range(2)] == ["", "Hello "]
        del stream
        gc.collect()


async def test_a_streaming_query_closed_after_it_said_something(app: Any, counted: Any) -> None:
    cancelled = f"{QUERY} (cancelled)"
    left = [f"{cancelled} > {RETRIEVED}", f"{cancelled} > synthesize CompactAndRefine (cancelled) > {CHAT} (cancelled)"]
    with counted(*left, estimated=1):
        response = await app.engine(streaming=True).aquery("q")
        while not await anext(response.response_gen):
            pass
        await response.response_gen.aclose()
        await asyncio.sleep(0.05)  # the loop closes the generators inside the one that was closed


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_streaming_chat_whose_model_is_refused(app: Any, counted: Any) -> None:
    memory = ChatMemoryBuffer(token_limit=1000, tokenizer_fn=str.split)
    engine = app.index.as_chat_engine(llm=app.streaming_llm, chat_mode="simple", memory=memory)
    app.provider.fail = [500]
    with counted(f"query SimpleChatEngine > {CHAT} {FAILED}"), contextlib.suppress(Exception):
        list(engine.stream_chat("q").response_gen)
