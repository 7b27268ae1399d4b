"""Agents, map and reduce, functions as graphs, and threads, counted as the provider counts them."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import langchain.agents
import pytest
from langchain_core.tools import tool
from langgraph.checkpoint.memory import MemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import create_react_agent
from langgraph.types import Command, Send
from opentelemetry import trace
from tests.compat.graph import State, ask, ask_too, graph_of

from spanmeter import semconv

VERSION_HAS_AGENTS_OF_LANGCHAIN = hasattr(langchain.agents, "create_agent")
CHAT = "chat gpt-4o"
OTHER = "chat gpt-4o-mini"
GRAPH = "invoke_workflow LangGraph"
ASKED: Any = {"asked": ["q"]}
THREAD: Any = {"configurable": {"thread_id": "t1"}}
Run = Callable[[Any], Any]


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


# The prebuilt agent has moved to the package langchain, and both it and the first version of events say so.
deprecated = pytest.mark.filterwarnings("ignore:.*(create_react_agent|version='v1')")


def agent_of(app: Any, **options: Any) -> Any:
    @tool
    def search(text: str) -> str:
        """Search."""
        return str(app.other.invoke(text).content)

    return create_react_agent(app.chat, [search], **options)


def searched(agent: str) -> list[str]:
    """What an agent does that asks, searches and asks again."""
    asked = f"{agent} > node agent > chain RunnableSequence > {CHAT}"
    return [asked, f"{agent} > node tools > execute_tool search > {OTHER}", asked]


ASK_AGENT: Any = {"messages": [("user", "q")]}
AGENT_ASYNC: dict[str, Run] = {
    "ainvoke": lambda agent: agent.ainvoke(ASK_AGENT),
    "astream": lambda agent: drain(agent.astream(ASK_AGENT)),
    "astream messages": lambda agent: drain(agent.astream(ASK_AGENT, stream_mode=["messages", "updates"])),
    "astream_events v1": lambda agent: drain(agent.astream_events(ASK_AGENT, version="v1")),
    "astream_events v2": lambda agent: drain(agent.astream_events(ASK_AGENT, version="v2")),
}
AGENT_SYNC: dict[str, Run] = {
    "invoke": lambda agent: agent.invoke(ASK_AGENT),
    "stream": lambda agent: list(agent.stream(ASK_AGENT)),
    "stream messages": lambda agent: list(agent.stream(ASK_AGENT, stream_mode="messages")),
}


@deprecated
@pytest.mark.parametrize("run", AGENT_SYNC.values(), ids=AGENT_SYNC)
def test_an_agent(run: Run, app: Any, counted: Any) -> None:
    with counted(*searched(GRAPH)):
        run(agent_of(app))


@deprecated
@pytest.mark.parametrize("run", AGENT_ASYNC.values(), ids=AGENT_ASYNC)
async def test_an_asynchronous_agent(run: Run, app: Any, counted: Any) -> None:
    with counted(*searched(GRAPH)):
        await run(agent_of(app))


@deprecated
def test_an_agent_in_a_graph(app: Any, counted: Any) -> None:
    with counted(*searched(f"{GRAPH} > node helper > invoke_workflow searcher")):
        graph_of(("helper", lambda _: {"asked": [str(agent_of(app, name="searcher").invoke(ASK_AGENT))]})).invoke(ASKED)


if VERSION_HAS_AGENTS_OF_LANGCHAIN:

    def test_an_agent_of_langchain(app: Any, counted: Any) -> None:
        with counted(f"invoke_agent helper > node model > {CHAT}"):
            langchain.agents.create_agent(app.chat, [], name="helper").invoke(ASK_AGENT)


def map_and_reduce(app: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node("map", partial(ask, app)).add_node("reduce", partial(ask, app))
    graph.add_conditional_edges(START, lambda _: [Send("map", {"asked": [text]}) for text in "abc"], ["map"])
    graph.add_edge("map", "reduce").add_edge("reduce", END)
    return graph.compile()


MAPPED = [*[f"{GRAPH} > node map > {CHAT}"] * 3, f"{GRAPH} > node reduce > {CHAT}"]


def test_map_and_reduce(app: Any, counted: Any) -> None:
    with counted(*MAPPED):
        map_and_reduce(app).invoke(ASKED)


async def test_map_and_reduce_in_tasks(app: Any, counted: Any) -> None:
    with counted(*MAPPED):
        await map_and_reduce(app).ainvoke(ASKED)


def test_a_node_that_says_where_to_go(app: Any, counted: Any) -> None:
    graph = StateGraph(State)
    graph.add_node("first", lambda state: Command(goto="second", update=ask(app, state)))
    graph.add_node("second", partial(ask, app)).add_edge(START, "first")
    with counted(f"{GRAPH} > node first > {CHAT}", f"{GRAPH} > node second > {CHAT}"):
        graph.compile().invoke(ASKED)


def test_a_subgraph_that_hands_over_to_the_graph_around_it(app: Any, counted: Any) -> None:
    def hand_over(state: Any) -> Any:
        return Command(goto="after", update=ask(app, state), graph=Command.PARENT)

    graph = StateGraph(State).add_node("inside", graph_of(("work", hand_over)))
    graph.add_node("after", partial(ask, app)).add_edge(START, "inside")
    with counted(f"{GRAPH} > node inside > {GRAPH} > node work > {CHAT}", f"{GRAPH} > node after > {CHAT}"):
        graph.compile().invoke(ASKED)


def test_a_function_that_is_a_graph(app: Any, counted: Any) -> None:
    @task
    def write(text: str) -> str:
        return str(app.chat.invoke(text).content)

    @entrypoint()
    def review(texts: list[str]) -> list[str]:
        return [answer.result() for answer in [write(text) for text in texts]]

    with counted(*[f"{GRAPH} > node review > node write > {CHAT}"] * 2):
        review.invoke(["a", "b"])


def test_the_names_of_a_graph_its_nodes_and_its_thread(app: Any, counted: Any, exporter: Any) -> None:
    graph = graph_of(("write", partial(ask, app)), name="reviewed", checkpointer=MemorySaver())
    with counted(f"invoke_workflow reviewed > node write > {CHAT}"):
        graph.invoke(ASKED, THREAD)

    keys = (semconv.WORKFLOW_NAME, semconv.NODE, semconv.CONVERSATION_ID, semconv.FRAMEWORK)
    said = {span.name: [span.attributes.get(key) for key in keys] for span in exporter.get_finished_spans()}
    assert said == {
        "request": [None] * 4,
        "invoke_workflow reviewed": ["reviewed", None, "t1", "langgraph"],
        "node write": [None, "write", "t1", "langgraph"],
        CHAT: [None, "write", "t1", "langgraph"],
    }


def test_a_thread_with_a_copied_context(app: Any, counted: Any) -> None:
    def elsewhere(state: State) -> Any:
        thread = threading.Thread(target=contextvars.copy_context().run, args=(ask, app, state))
        thread.start()
        thread.join()
        return {"asked": []}

    with counted(f"{GRAPH} > node write > {CHAT}"):
        graph_of(("write", elsewhere)).invoke(ASKED)


def test_graphs_in_a_batch(app: Any, counted: Any) -> None:
    with counted(*[f"{GRAPH} > node write > {CHAT}"] * 3):
        graph_of(("write", partial(ask, app))).batch([ASKED] * 3)


async def test_a_graph_whose_stream_is_left_early(app: Any, counted: Any) -> None:
    with counted(f"{GRAPH} (cancelled) > node write > {CHAT}"):
        stream = graph_of(("write", partial(ask_too, app))).astream(ASKED, stream_mode="updates")
        await anext(stream)
        await stream.aclose()
        await asyncio.sleep(0.05)


async def test_a_graph_that_runs_out_of_time(app: Any, counted: Any) -> None:
    async def write(_: State) -> None:
        await asyncio.sleep(5)

    with counted(f"{GRAPH} (cancelled) > node write (cancelled)", CHAT):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(graph_of(("write", write)).ainvoke(ASKED), 0.2)
        await app.chat.ainvoke("q")


def nothing(_: State) -> State:
    return {"asked": []}


@pytest.mark.usefixtures("tracer_provider")
def test_nothing_is_current_after_a_graph_outside_any_span(exporter: Any) -> None:
    for _ in range(2):
        graph_of(("mynode", nothing)).invoke(ASKED)
        assert trace.get_current_span() == trace.INVALID_SPAN

    parents = [(span.name, span.parent is None) for span in exporter.get_finished_spans()]
    assert parents == [("node mynode", False), (GRAPH, True)] * 2


@pytest.mark.usefixtures("tracer_provider")
async def test_nothing_is_current_after_an_awaited_graph_outside_any_span(exporter: Any) -> None:
    for _ in range(2):
        await graph_of(("mynode", nothing)).ainvoke(ASKED)
        assert trace.get_current_span() == trace.INVALID_SPAN

    spans = exporter.get_finished_spans()
    assert [(span.name, span.parent is None) for span in spans] == [("node mynode", False), (GRAPH, True)] * 2
    assert [spans[0].parent.span_id, spans[2].parent.span_id] == [span.context.span_id for span in spans[1::2]]


async def test_many_graphs_at_once_keep_their_own_spans(
    app: Any, counted: Any, exporter: Any, tracer_provider: Any
) -> None:
    tracer = tracer_provider.get_tracer("application")

    async def step(state: State) -> Any:
        async def part(number: int) -> None:
            with tracer.start_as_current_span(f"part {number}"):
                await asyncio.sleep(0.001)

        with tracer.start_as_current_span("step"):
            await asyncio.gather(*map(part, range(3)))
            return await ask_too(app, state)

    path = f"{GRAPH} > node write > step"
    with counted(*[f"{path} > {leaf}" for leaf in ("part 0", "part 1", "part 2", CHAT)] * 5):
        await asyncio.gather(*(graph_of(("write", step)).ainvoke(ASKED) for _ in range(5)))
    assert len({span.parent.span_id for span in exporter.get_finished_spans() if span.name == "step"}) == 5
