"""Graphs, nodes, branches, retries, interrupts and tools, counted as the provider counts them."""

from __future__ import annotations

import inspect
import itertools
import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.tools import tool
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, RetryPolicy, interrupt

GRAPH = "invoke_workflow LangGraph"
ASKED = {"asked": ["q"]}
Run = Callable[[Any, Any], Any]

RETRY_OPTION = "retry_policy" if "retry_policy" in inspect.signature(StateGraph.add_node).parameters else "retry"


class State(TypedDict):
    asked: Annotated[list[str], operator.add]


def ask(app: Any) -> Callable[[Any], Any]:
    return lambda state: {"asked": [str(app.chat.invoke(state["asked"][-1]).content)]}


def ask_too(app: Any) -> Callable[[Any], Any]:
    async def answer(state: State) -> State:
        return {"asked": [str((await app.chat.ainvoke(state["asked"][-1])).content)]}

    return answer


def line(*nodes: tuple[str, Any], **options: Any) -> Any:
    """Build a graph of nodes one after the other."""
    graph = StateGraph(State)
    for name, action in nodes:
        graph.add_node(name, action, **options)
    for before, after in itertools.pairwise([START, *(name for name, _ in nodes), END]):
        graph.add_edge(before, after)
    return graph


def branches(answer: Any) -> Any:
    graph = StateGraph(State)
    for name in ("left", "right"):
        graph.add_node(name, answer)
        graph.add_edge(START, name)
        graph.add_edge(name, END)
    return graph.compile()


def choosing(answer: Any) -> Any:
    def choose(_: State) -> str:
        return "second"

    graph = line(("first", answer)).add_node("second", answer).add_node("third", answer)
    return graph.add_conditional_edges("first", choose, ["second", "third"]).compile()


def two_nodes(answer: Any) -> Any:
    return line(("write", answer), ("check", answer)).compile()


def nested(answer: Any) -> Any:
    return line(("outer", line(("inner", answer)).compile())).compile()


def path(*nodes: str) -> str:
    return " > ".join([*(f"{GRAPH} > node {node}" for node in nodes), "chat gpt-4o"])


GRAPHS: dict[str, tuple[Callable[[Any], Any], list[str]]] = {
    "nodes": (two_nodes, [path("write"), path("check")]),
    "subgraph": (nested, [path("outer", "inner")]),
    "parallel branches": (branches, [path("left"), path("right")]),
    "conditional edge": (choosing, [path("first"), path("second")]),
}


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


SYNC: dict[str, Run] = {
    "invoke": lambda graph, state: graph.invoke(state),
    "stream": lambda graph, state: list(graph.stream(state)),
    "messages": lambda graph, state: list(graph.stream(state, stream_mode="messages")),
}
ASYNC: dict[str, Run] = {
    "ainvoke": lambda graph, state: graph.ainvoke(state),
    "astream": lambda graph, state: drain(graph.astream(state)),
    "amessages": lambda graph, state: drain(graph.astream(state, stream_mode="messages")),
}


@pytest.mark.parametrize("run", SYNC.values(), ids=SYNC)
@pytest.mark.parametrize(("build", "paths"), GRAPHS.values(), ids=GRAPHS)
def test_a_graph(build: Any, paths: list[str], run: Run, app: Any, counted: Any) -> None:
    with counted(*paths):
        run(build(ask(app)), ASKED)


@pytest.mark.parametrize("run", ASYNC.values(), ids=ASYNC)
@pytest.mark.parametrize(("build", "paths"), GRAPHS.values(), ids=GRAPHS)
async def test_an_asynchronous_graph(build: Any, paths: list[str], run: Run, app: Any, counted: Any) -> None:
    with counted(*paths):
        await run(build(ask_too(app)), ASKED)


def test_an_interrupt_and_its_resumption(app: Any, counted: Any) -> None:
    def confirm(state: State) -> Any:
        interrupt("sure?")
        return ask(app)(state)

    graph = line(("confirm", confirm)).compile(checkpointer=MemorySaver())
    config: Any = {"configurable": {"thread_id": "t1"}}
    with counted(f"{GRAPH} > node confirm (interrupted)", path("confirm")):
        graph.invoke(ASKED, config)
        graph.invoke(Command(resume="yes"), config)


def test_a_node_that_is_retried(app: Any, counted: Any) -> None:
    app.provider.fail = [500]
    retry = RetryPolicy(max_attempts=2, initial_interval=0.01, retry_on=Exception)
    failed = f"{GRAPH} > node write (InternalServerError) > chat gpt-4o (InternalServerError)"
    with counted(failed, path("write")):
        line(("write", ask(app)), **{RETRY_OPTION: retry}).compile().invoke(ASKED)


def test_a_node_that_fails(app: Any, counted: Any) -> None:
    app.provider.fail = [400]
    error = "(BadRequestError)"
    failed = counted(f"{GRAPH} {error} > node write {error} > chat gpt-4o {error}")
    with failed, pytest.raises(Exception, match="400"):
        line(("write", ask(app))).compile().invoke(ASKED)


async def test_a_cancelled_graph(app: Any, counted: Any) -> None:
    with counted(f"{GRAPH} (cancelled) > node write (cancelled) > chat gpt-4o (cancelled)"):
        await app.cancel(line(("write", ask_too(app))).compile().ainvoke(ASKED))


def test_a_stream_left_early(app: Any, counted: Any) -> None:
    with counted(f"{GRAPH} (cancelled) > node write > chat gpt-4o"):
        stream = two_nodes(ask(app)).stream(ASKED, stream_mode="updates")
        next(stream)
        stream.close()


def agent(app: Any) -> Any:
    @tool
    def search(text: str) -> str:
        """Search."""
        return str(app.other.invoke(text).content)

    def answer(state: MessagesState) -> Any:
        return {"messages": [app.chat.bind_tools([search]).invoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node("answer", answer).add_node("tools", ToolNode([search]))
    graph.add_edge(START, "answer").add_conditional_edges("answer", tools_condition).add_edge("tools", "answer")
    return graph.compile()


def test_tools_in_a_tool_node(app: Any, counted: Any) -> None:
    searched = f"{GRAPH} > node tools > execute_tool search > chat gpt-4o-mini"
    with counted(path("answer"), searched, path("answer")):
        agent(app).invoke({"messages": [("user", "q")]})
