"""Streams of every kind, read to their end or not, with and without usage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph

from spanmeter import semconv

VERSION_HAS_EVENTS_V3 = hasattr(ChatOpenAI, "stream_events")
Q = {"question": "q"}
CHAT = "chat gpt-4o"
CHAIN = f"chain RunnableSequence > {CHAT}"
COMPLETION = "text_completion gpt-3.5-turbo-instruct"
CANCELLED = f"{CHAT} (cancelled)"
Run = Callable[[Any], Any]


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


async def hear(stream: Any) -> None:
    """Read up to the first word."""
    async for chunk in stream:
        if chunk.content:
            break


@tool
def search(text: str) -> str:
    """Search."""
    return text


def unmetered(app: Any) -> Any:
    """Build a model behind an address of one's own, where langchain-openai asks for no usage."""
    return app.langchain_model(stream_usage=False)


def parallel(app: Any) -> Any:
    return RunnableParallel(one=app.chain, two=ChatPromptTemplate.from_messages([("human", "{question}")]) | app.other)


PARALLEL = [f"chain RunnableParallel<one,two> > {CHAIN.replace(CHAT, model)}" for model in (CHAT, "chat gpt-4o-mini")]


async def ask(app: Any, text: str) -> Any:
    return (await app.chain.ainvoke({"question": text})).content


SYNC: dict[str, tuple[Run, list[str]]] = {
    "batch as completed": (lambda app: list(app.chain.batch_as_completed([Q, Q])), [CHAIN] * 2),
    "in parallel": (lambda app: list(parallel(app).stream(Q)), PARALLEL),
    "lambda": (
        lambda app: RunnableLambda(lambda _: app.chain.invoke(Q).content, name="step").invoke(1),
        [f"chain step > {CHAIN}"],
    ),
    "streamed lambda": (
        lambda app: list(RunnableLambda(lambda _: app.chain, name="step").stream(Q)),
        [f"chain step > {CHAIN}"],
    ),
    "streaming model": (lambda app: app.langchain_model(streaming=True).invoke("q"), [CHAT]),
    "streamed tool call": (lambda app: list(app.chat.bind_tools([search]).stream("q")), [CHAT]),
}
ASYNC: dict[str, tuple[Run, list[str]]] = {
    "batch as completed": (lambda app: drain(app.chain.abatch_as_completed([Q, Q])), [CHAIN] * 2),
    "in parallel": (lambda app: parallel(app).ainvoke(Q), PARALLEL),
    "events v1": (lambda app: drain(app.chain.astream_events(Q, version="v1")), [CHAIN]),
    "events v2": (lambda app: drain(app.chat.astream_events("q", version="v2")), [CHAT]),
    "lambda": (
        lambda app: RunnableLambda(partial(ask, app), name="step").ainvoke("q"),
        [f"chain step > {CHAIN}"],
    ),
    "at once": (lambda app: asyncio.gather(*(app.chain.ainvoke(Q) for _ in range(3))), [CHAIN] * 3),
    "streaming model": (lambda app: app.langchain_model(streaming=True).ainvoke("q"), [CHAT]),
    "streamed tool call": (lambda app: drain(app.chat.bind_tools([search]).astream("q")), [CHAT]),
}


@pytest.mark.parametrize(("run", "paths"), SYNC.values(), ids=SYNC)
def test_what_a_thread_streams(run: Run, paths: list[str], app: Any, counted: Any) -> None:
    with counted(*paths):
        run(app)


@pytest.mark.filterwarnings("ignore:.*version='v1'")
@pytest.mark.parametrize(("run", "paths"), ASYNC.values(), ids=ASYNC)
async def test_what_a_task_streams(run: Run, paths: list[str], app: Any, counted: Any) -> None:
    with counted(*paths):
        await run(app)


if VERSION_HAS_EVENTS_V3:

    @pytest.mark.filterwarnings("ignore:.*in beta")
    @pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
    async def test_events_of_the_third_version(asynchronous: Any, app: Any, counted: Any) -> None:
        with counted(CHAT):
            if asynchronous:
                await drain(await app.chat.astream_events("q", version="v3"))
                await asyncio.sleep(0.05)  # the end is told after the last event
            else:
                list(app.chat.stream_events("q", version="v3"))


UNMETERED_SYNC: dict[str, Run] = {
    "stream": lambda model: list(model.stream("q")),
    "stream of a tool call": lambda model: list(model.bind_tools([search]).stream("q")),
}
UNMETERED_ASYNC: dict[str, Run] = {
    "astream": lambda model: drain(model.astream("q")),
    "events": lambda model: drain(model.astream_events("q", version="v2")),
    "heard in part": lambda model: hear(model.astream("q")),
}


@pytest.mark.parametrize("run", UNMETERED_SYNC.values(), ids=UNMETERED_SYNC)
def test_a_stream_without_usage_is_estimated(run: Run, app: Any, counted: Any) -> None:
    with counted(CHAT, estimated=1):
        run(unmetered(app))


@pytest.mark.parametrize("run", UNMETERED_ASYNC.values(), ids=UNMETERED_ASYNC)
async def test_an_asynchronous_stream_without_usage_is_estimated(run: Run, app: Any, counted: Any) -> None:
    path = CANCELLED if run is UNMETERED_ASYNC["heard in part"] else CHAT
    with counted(path, estimated=1):
        await run(unmetered(app))
        await asyncio.sleep(0.05)  # the loop closes the generators inside


def test_a_graph_streamed_by_messages_without_usage_is_estimated(app: Any, counted: Any) -> None:
    def answer(state: MessagesState) -> Any:
        return {"messages": [unmetered(app).invoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer").compile()
    asked: Any = {"messages": [("user", "q")]}
    with counted(f"invoke_workflow LangGraph > node answer > {CHAT}", estimated=1):
        list(graph.stream(asked, stream_mode="messages"))


# The client of a dropped stream leaves its socket to the garbage collector, which `counted` runs.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "dropped"])
def test_what_a_stream_said_before_it_was_left_is_estimated(closed: Any, app: Any, counted: Any) -> None:
    def leave() -> None:
        stream = app.chain.stream(Q)
        next(chunk for chunk in stream if chunk.content)
        if closed:
            stream.close()

    with counted(f"chain RunnableSequence > {CANCELLED}", estimated=1):
        leave()


async def test_a_dropped_asynchronous_stream(app: Any, counted: Any) -> None:
    async def leave() -> None:
        stream = app.chat.astream("q")
        async for chunk in stream:
            if chunk.content:
                return

    with counted(CANCELLED, estimated=1):
        await leave()
        await asyncio.sleep(0.05)


async def test_a_stream_cancelled_while_it_speaks(app: Any, counted: Any) -> None:
    async def listen() -> None:
        async for chunk in app.chat.astream("q"):
            if chunk.content:
                await asyncio.sleep(5)

    with counted(CANCELLED, estimated=1):
        task = asyncio.create_task(listen())
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.05)


def test_the_reader_of_a_stream_asks_another_model_meanwhile(app: Any, counted: Any) -> None:
    with counted(CHAT, "chat gpt-4o-mini", "chat gpt-4o-mini"):
        for chunk in app.chat.stream("q"):
            if chunk.content:
                app.other.invoke("r")


def test_the_first_token_of_a_streamed_tool_call_is_timed(app: Any, counted: Any, exporter: Any) -> None:
    with counted(CHAT):
        list(app.chat.bind_tools([search]).stream("q"))

    (said,) = [span.attributes for span in exporter.get_finished_spans() if span.name == CHAT]
    assert (said[semconv.REQUEST_STREAM], said[semconv.FINISH_REASONS]) == (True, ("tool_calls",))
    assert said[semconv.TIME_TO_FIRST_CHUNK] > 0


def test_a_streamed_completion_is_counted(app: Any, counted: Any) -> None:
    with counted(COMPLETION, estimated=1):
        list(app.completion.stream("q"))
