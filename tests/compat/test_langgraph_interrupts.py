"""Graphs that are interrupted and resumed: no failures, and each request counted once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from langgraph.checkpoint.memory import MemorySaver
from langgraph.types import Command, interrupt
from tests.compat.graph import State, ask, graph_of

from spanmeter.langchain import SpanmeterCallbackHandler

GRAPH = "invoke_workflow LangGraph"
CHAT = "chat gpt-4o"
ASKED: Any = {"asked": ["q"]}
THREAD: Any = {"configurable": {"thread_id": "t1"}}


def confirming(app: Any) -> Callable[[State], Any]:
    def confirm(_: State) -> Any:
        return ask(app, {"asked": [interrupt("sure?")]})

    return confirm


PAUSED = f"{GRAPH} > node confirm (interrupted)"
RESUMED = f"{GRAPH} > node confirm > {CHAT}"


async def test_an_interrupt_in_a_task(app: Any, counted: Any) -> None:
    graph = graph_of(("confirm", confirming(app)), checkpointer=MemorySaver())
    with counted(PAUSED, RESUMED):
        await graph.ainvoke(ASKED, THREAD)
        await graph.ainvoke(Command(resume="yes"), THREAD)


def test_an_interrupt_beside_another_node(app: Any, counted: Any) -> None:
    nodes = ("confirm", confirming(app)), ("write", partial(ask, app))
    graph = graph_of(*nodes, checkpointer=MemorySaver())
    with counted(PAUSED, f"{GRAPH} > node write > {CHAT}", RESUMED):
        graph.invoke(ASKED, THREAD)
        graph.invoke(Command(resume="yes"), THREAD)


def test_an_interrupt_in_a_subgraph(app: Any, counted: Any) -> None:
    graph = graph_of(("outer", graph_of(("confirm", confirming(app)))), checkpointer=MemorySaver())
    outer = f"{GRAPH} > node outer"
    with counted(f"{outer} (interrupted) > {GRAPH} (interrupted) > node confirm (interrupted)", f"{outer} > {RESUMED}"):
        graph.invoke(ASKED, THREAD)
        graph.invoke(Command(resume="yes"), THREAD)


def test_an_interrupt_told_to_a_handler_of_ones_own(app: Any, counted: Any) -> None:
    graph = graph_of(("confirm", confirming(app)), checkpointer=MemorySaver())
    config: Any = {**THREAD, "callbacks": [SpanmeterCallbackHandler()]}
    with counted(PAUSED, RESUMED):
        graph.invoke(ASKED, config)
        graph.invoke(Command(resume="yes"), config)
