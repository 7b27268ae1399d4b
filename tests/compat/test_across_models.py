"""LlamaIndex's own `LangChainLLM` over a LangChain model: one call however it is asked, under the right parents."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, MessagesState, StateGraph
from llama_index.core.llms import ChatMessage
from llama_index.llms.langchain import LangChainLLM  # type: ignore[import-untyped]
from tests.compat.scenario import of_tasks, of_threads

QUESTION = [ChatMessage(role="user", content="q")]
MESSAGES = {"messages": [("user", "q")]}
CHAT = "chat gpt-4o"
OUTER = "chat (wrapper)"
COMPLETION = "text_completion (wrapper)"
QUERY = "query RetrieverQueryEngine"
RETRIEVED = f"{QUERY} > retrieval VectorIndexRetriever > embeddings text-embedding-3-small"
ANSWER = f"{QUERY} > synthesize CompactAndRefine"
QUERIED = [RETRIEVED, f"{ANSWER} > {OUTER} > {CHAT}"]
AQUERIED = [RETRIEVED, f"{ANSWER} > {OUTER} > {OUTER} > {CHAT}"]
GRAPH = "invoke_workflow LangGraph > node ask"
Run = Callable[[Any], Any]
pytestmark = pytest.mark.filterwarnings("ignore:The `schema` method:DeprecationWarning")


def below(start: str, paths: list[str]) -> list[str]:
    return [f"{start} > {path}" for path in paths]


def model(app: Any) -> Any:
    return LangChainLLM(llm=app.chat)


def at_length(app: Any) -> Any:
    """Have it answered so long that its reader gets a turn: LlamaIndex loses what LangChain tells within one."""
    app.provider.says.append("word " * 500)
    return model(app)


def engine(app: Any, *, streaming: bool = False) -> Any:
    return app.engine(llm=model(app), streaming=streaming)


async def read(stream: Any) -> str:
    return "".join([str(item) async for item in await stream])


async def ask_in_pieces(app: Any) -> str:
    response = await engine(app, streaming=True).aquery("q")
    return "".join([text async for text in response.async_response_gen()])


def graph(node: Any) -> Any:
    return StateGraph(MessagesState).add_node("ask", node).add_edge(START, "ask").add_edge("ask", END).compile()


def asking(app: Any) -> Any:
    return graph(lambda _: {"messages": [str(engine(app).query("q"))]})


def asking_in_pieces(app: Any) -> Any:
    return graph(lambda _: {"messages": [str(engine(app, streaming=True).query("q"))]})


def asking_in_pieces_in_a_task(app: Any) -> Any:
    async def ask(_: MessagesState) -> Any:
        return {"messages": [await ask_in_pieces(app)]}

    return graph(ask)


def in_a_thread(app: Any) -> None:
    thread = threading.Thread(target=copy_context().run, args=(engine(app).query, "q"))
    thread.start()
    thread.join()


def runnable(function: Any) -> Any:
    return RunnableLambda(function, name="ask")


SYNC: dict[str, tuple[Run, list[str]]] = {
    "chat": (lambda app: model(app).chat(QUESTION), [f"{OUTER} > {CHAT}"]),
    "complete": (lambda app: model(app).complete("q"), [f"{COMPLETION} > {CHAT}"]),
    "stream_chat": (lambda app: list(model(app).stream_chat(QUESTION)), [f"{OUTER} > {CHAT}"]),
    "stream_complete": (
        lambda app: list(at_length(app).stream_complete("q")),
        [f"{COMPLETION} > {COMPLETION} > {CHAT}"],
    ),
    "query": (lambda app: engine(app).query("q"), QUERIED),
    "streaming query": (lambda app: str(engine(app, streaming=True).query("q")), QUERIED),
    "query in a runnable": (lambda app: runnable(engine(app).query).invoke("q"), below("chain ask", QUERIED)),
    "streaming query in a runnable": (
        lambda app: runnable(lambda question: str(engine(app, streaming=True).query(question))).invoke("q"),
        below("chain ask", QUERIED),
    ),
    "query in a graph": (lambda app: asking(app).invoke(MESSAGES), below(GRAPH, QUERIED)),
    "streaming query in a streamed graph": (
        lambda app: list(asking_in_pieces(app).stream(MESSAGES, stream_mode="messages")),
        below(GRAPH, QUERIED),
    ),
    "query in a thread with a copied context": (in_a_thread, QUERIED),
}
ASYNC: dict[str, tuple[Run, list[str]]] = {
    "achat": (lambda app: model(app).achat(QUESTION), [f"{OUTER} > {OUTER} > {CHAT}"]),
    "acomplete": (lambda app: model(app).acomplete("q"), [f"{COMPLETION} > {COMPLETION} > {CHAT}"]),
    "astream_chat": (lambda app: read(model(app).astream_chat(QUESTION)), [f"{OUTER} > {OUTER} > {CHAT}"]),
    "astream_complete": (
        lambda app: read(at_length(app).astream_complete("q")),
        [f"{COMPLETION} > {COMPLETION} > {COMPLETION} > {CHAT}"],
    ),
    "query": (lambda app: engine(app).aquery("q"), AQUERIED),
    "streaming query": (ask_in_pieces, AQUERIED),
    "query in a runnable": (lambda app: runnable(engine(app).aquery).ainvoke("q"), below("chain ask", AQUERIED)),
    "streaming query in a graph": (
        lambda app: asking_in_pieces_in_a_task(app).ainvoke(MESSAGES),
        below(GRAPH, AQUERIED),
    ),
}


test_what_a_thread_runs = of_threads(SYNC)
test_what_a_task_runs = of_tasks(ASYNC)


def test_a_span_of_the_application_in_between(app: Any, tracer_provider: Any, counted: Any) -> None:
    def ask(question: str) -> str:
        with tracer_provider.get_tracer("application").start_as_current_span("between"):
            return str(engine(app).query(question))

    with counted(*below("chain ask > between", QUERIED)):
        runnable(ask).invoke("q")
