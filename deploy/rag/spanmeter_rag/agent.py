"""A LangGraph agent: it searches by a tool, searches once more in other words when little was found, then answers."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from spanmeter_rag.answer import Answer, Sources, as_context
from spanmeter_rag.patience import Patience, Patient
from spanmeter_rag.prompts import REWRITE, agent_instructions
from spanmeter_rag.stores import Search

_ENOUGH = 0.3
_TOOL = "search_reference"
_WHAT_FOR = "Search the Python language reference; returns the passages that fit the query best."

Update = dict[str, list[BaseMessage]]


class Agent:
    """Answers by a graph whose models are asked patiently: LangGraph's own retries know no Retry-After."""

    def __init__(self, search: Search, model: BaseChatModel, *, patience: Patience) -> None:
        self._graph = _build(search, model, patience).compile(name="agent")

    def ask(self, question: str) -> Answer:
        """Answer in the calling thread."""
        return _answer(cast("MessagesState", self._graph.invoke(_start(question))))

    async def ask_async(self, question: str) -> Answer:
        """Answer without blocking the event loop."""
        return _answer(cast("MessagesState", await self._graph.ainvoke(_start(question))))

    async def ask_streaming(self, question: str) -> Answer:
        """Answer from a stream of messages read in a thread, put together."""
        return await asyncio.to_thread(self._stream, question)

    def _stream(self, question: str) -> Answer:
        parts = self._graph.stream(_start(question), stream_mode=["messages", "values"])
        states = [state for kind, state in parts if kind == "values"]
        return _answer(cast("MessagesState", states[-1]))


def _build(search: Search, model: BaseChatModel, patience: Patience) -> StateGraph[MessagesState]:
    tool = _search_tool(search)
    with_tool = Patient(model.bind_tools([tool]), patience)
    think = RunnableLambda(_conversation) | with_tool | RunnableLambda(_as_update)
    rewrite = RunnableLambda(_question) | REWRITE | Patient(model, patience) | RunnableLambda(_as_question)
    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("search", ToolNode([tool]))
    graph.add_node("rewrite", rewrite)
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", _after_thinking)
    graph.add_conditional_edges("search", _after_search)
    graph.add_edge("rewrite", "think")
    return graph


def _search_tool(search: Search) -> BaseTool:
    def find(query: str) -> tuple[str, Sources]:
        sources = search.invoke(query)
        return as_context(sources), sources

    async def find_async(query: str) -> tuple[str, Sources]:
        sources = await search.ainvoke(query)
        return as_context(sources), sources

    return StructuredTool.from_function(
        find, find_async, name=_TOOL, description=_WHAT_FOR, response_format="content_and_artifact"
    )


def _after_thinking(state: MessagesState) -> Literal["search", "__end__"]:
    last = state["messages"][-1]
    return "search" if isinstance(last, AIMessage) and last.tool_calls else "__end__"


def _after_search(state: MessagesState) -> Literal["rewrite", "think"]:
    asked = sum(isinstance(message, HumanMessage) for message in state["messages"])
    found = _sources(state)
    return "think" if asked > 1 or (found and found[0].score >= _ENOUGH) else "rewrite"


def _start(question: str) -> Any:  # noqa: ANN401 - LangGraph's input type
    return {"messages": [HumanMessage(question)]}


def _conversation(state: MessagesState) -> list[BaseMessage]:
    return [SystemMessage(agent_instructions()), *state["messages"]]


def _question(state: MessagesState) -> dict[str, str]:
    return {"question": str(state["messages"][0].content)}


def _as_update(message: BaseMessage) -> Update:
    return {"messages": [message]}


def _as_question(message: BaseMessage) -> Update:
    return {"messages": [HumanMessage(str(message.content))]}


def _sources(state: MessagesState) -> Sources:
    results = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    sources: Sources = (results[-1].artifact or ()) if results else ()
    return sources


def _answer(state: MessagesState) -> Answer:
    return Answer(text=str(state["messages"][-1].content), sources=_sources(state))
