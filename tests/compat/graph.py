"""Graphs whose nodes ask a model."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import START, StateGraph


class State(TypedDict):
    asked: Annotated[list[str], operator.add]


def ask(app: Any, state: Any) -> Any:
    """Do the work of a node: ask what was asked last."""
    return {"asked": [str(app.chat.invoke(state["asked"][-1]).content)]}


async def ask_too(app: Any, state: Any) -> Any:
    """Do the same in a task."""
    return {"asked": [str((await app.chat.ainvoke(state["asked"][-1])).content)]}


def graph_of(*nodes: tuple[str, Any], **options: Any) -> Any:
    """Build a graph of nodes that all start at once."""
    graph = StateGraph(State)
    for name, action in nodes:
        graph.add_node(name, action)
        graph.add_edge(START, name)
    return graph.compile(**options)
