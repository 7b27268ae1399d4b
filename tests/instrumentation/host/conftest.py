"""Applications of both frameworks, and what they come to."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Any

import httpx
import llama_index.core
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt
from llama_index.core import VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI
from opentelemetry import trace
from pydantic import SecretStr

import spanmeter
from spanmeter import barrier
from spanmeter.langchain.runs import runs
from spanmeter.llama_index.open_spans import spans as open_spans

Result = tuple[Any, ...]
Application = Callable[[str, dict[str, Any]], Any]


@tool
def double(number: int) -> int:
    """Double a number."""
    return number * 2


class Library(BaseRetriever):
    """Knows one document."""

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document(query, metadata={"score": 0.5})]


def chat_model(url: str, clients: dict[str, Any]) -> ChatOpenAI:
    return ChatOpenAI(
        model="gpt-5-mini",
        base_url=f"{url}/v1",
        api_key=SecretStr("none"),
        max_retries=0,
        stream_usage=True,
        http_client=clients["http_client"],
        http_async_client=clients["async_http_client"],
    )


async def langchain(url: str, clients: dict[str, Any]) -> Result:
    """Chains, streams, batches, tools, retrievers, embeddings and failures of LangChain."""
    model = chat_model(url, clients)
    chain = ChatPromptTemplate.from_template("Say {word}") | model | StrOutputParser()
    embeddings = OpenAIEmbeddings(
        model="text-embedding-3-small",
        base_url=f"{url}/v1",
        api_key=SecretStr("none"),
        check_embedding_ctx_length=False,
        max_retries=0,
        http_client=clients["http_client"],
        http_async_client=clients["async_http_client"],
    )
    left: Any = model.stream("leave")
    next(iter(left))
    left.close()

    def fail(_: Any) -> None:
        raise ZeroDivisionError("the application's own")

    return (
        chain.invoke({"word": "a"}),
        await chain.ainvoke({"word": "b"}),
        list(chain.stream({"word": "c"})),
        [piece async for piece in chain.astream({"word": "d"})],
        chain.batch([{"word": "e"}, {"word": "f"}]),
        double.invoke({"number": 4}),
        [document.page_content for document in Library().invoke("g")],
        embeddings.embed_documents(["h", "i"]),
        await embeddings.aembed_query("j"),
        DeterministicFakeEmbedding(size=2).embed_query("k"),
        _error(lambda: RunnableLambda(fail).invoke(1)),
        model.with_fallbacks([model]).invoke("l").content,
    )


async def langgraph(url: str, clients: dict[str, Any]) -> Result:
    """A graph with a model, a failing graph and one that is interrupted."""
    model = chat_model(url, clients)

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    def stop(_: MessagesState) -> dict[str, Any]:
        return {"messages": [str(interrupt("why"))]}

    def fail(_: MessagesState) -> dict[str, Any]:
        raise ZeroDivisionError("the application's own")

    return (
        [message.content for message in (await _graph(ask).ainvoke({"messages": ["a"]}))["messages"]],
        [sorted(update) for update in _graph(ask).stream({"messages": ["b"]}, stream_mode="updates")],
        [message.content for message in _graph(stop).invoke({"messages": ["c"]})["messages"]],
        _error(lambda: _graph(fail).invoke({"messages": ["d"]})),
    )


def _graph(node: Callable[[MessagesState], dict[str, Any]]) -> Any:
    builder: Any = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile()


async def llama_index_application(url: str, clients: dict[str, Any]) -> Result:
    """Queries, streams, embeddings, a workflow and failures of LlamaIndex."""
    options = {"api_key": "none", "api_base": f"{url}/v1", "max_retries": 0, **clients}
    model = OpenAI(model="gpt-4o-mini", additional_kwargs={"stream_options": {"include_usage": True}}, **options)
    embedder = OpenAIEmbedding(model="text-embedding-3-small", **options)
    index = VectorStoreIndex(nodes=[TextNode(text="one", embedding=[0.1, 0.2])], embed_model=embedder)
    streamed: Any = index.as_query_engine(llm=model, streaming=True).query("a")
    left = model.stream_complete("leave")
    next(iter(left))
    del left
    return (
        "".join(streamed.response_gen),
        str(await index.as_query_engine(llm=model).aquery("b")),
        str(model.complete("c")),
        "".join([chunk.delta or "" async for chunk in await model.astream_complete("d")]),
        embedder.get_text_embedding_batch(["e", "f", "g"]),
        await Greeting().run(name="h"),
        await _async_error(Greeting(verbose=False).run()),
    )


class Greeting(Workflow):
    """Greets whoever has a name."""

    @step
    async def greet(self, event: StartEvent) -> StopEvent:
        return StopEvent(result=f"Hello {event.name}")


async def tracking(url: str, clients: dict[str, Any]) -> Result:
    """What an application measures itself, its own spans included."""

    @spanmeter.track("plain")
    def plain(number: int) -> int:
        return number + 1

    @spanmeter.track("generator")
    def generator() -> Generator[int, int, None]:
        yield (yield 1)

    @spanmeter.track("coroutine")
    async def coroutine() -> str:
        return str(chat_model(url, clients).invoke("a").content)

    @spanmeter.track("asynchronous generator")
    async def asynchronous() -> AsyncIterator[int]:
        yield 1
        yield 2

    @spanmeter.track("failing")
    def failing() -> None:
        raise ZeroDivisionError("the application's own")

    steps = generator()
    with spanmeter.context(user="u", shop="s"), spanmeter.measure(), spanmeter.track("block"):
        current = trace.get_current_span()
        current.set_attribute("own", 1)
        current.add_event("own")
        with trace.get_tracer("application").start_as_current_span("own"):
            said = await coroutine()
        return (
            plain(1),
            [next(steps), steps.send(5)],
            said,
            [item async for item in asynchronous()],
            _error(failing),
        )


def _error(act: Callable[[], object]) -> str:
    try:
        act()
    except Exception as error:  # noqa: BLE001  whichever it is, it must be the application's own
        return repr(error)
    return "no error"


async def _async_error(act: Any) -> str:
    try:
        await act
    except Exception as error:  # noqa: BLE001  whichever it is, it must be the application's own
        return repr(error)
    return "no error"


async def brief(url: str, clients: dict[str, Any]) -> Result:
    """A little of everything."""
    options = {"api_key": "none", "api_base": f"{url}/v1", "max_retries": 0, **clients}
    model = chat_model(url, clients)
    index = VectorStoreIndex(
        nodes=[TextNode(text="one", embedding=[0.1, 0.2])],
        embed_model=OpenAIEmbedding(model="text-embedding-3-small", **options),
    )
    engine: Any = index.as_query_engine(llm=OpenAI(model="gpt-4o-mini", **options), streaming=True)
    stream: Any = model.astream("leave")
    async with contextlib.aclosing(stream) as left:
        await anext(left)

    @spanmeter.track("failing")
    def failing() -> None:
        model.invoke(object())  # type: ignore[arg-type]

    with spanmeter.measure():
        return (
            await (ChatPromptTemplate.from_template("{word}") | model | StrOutputParser()).ainvoke({"word": "a"}),
            len(await _graph(lambda state: {"messages": [model.invoke(state["messages"])]}).ainvoke({"messages": "b"})),
            "".join(engine.query("c").response_gen),
            DeterministicFakeEmbedding(size=2).embed_query("d"),
            double.invoke({"number": 4}),
            _error(failing),
        )


APPLICATIONS: dict[str, Application] = {
    "langchain": langchain,
    "langgraph": langgraph,
    "llama_index": llama_index_application,
    "tracking": tracking,
    "brief": brief,
}


@pytest.fixture
async def run(provider: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[[str], Awaitable[Result]]]:
    """Run an application, and collect what it leaves behind."""
    monkeypatch.setattr(llama_index.core, "global_tokenizer", str.split)

    async def come_to(name: str) -> Result:
        result: Result = await APPLICATIONS[name](provider.url, clients)
        gc.collect()
        await asyncio.sleep(0)
        return result

    async with httpx.AsyncClient() as asynchronous:
        with httpx.Client() as synchronous:
            clients = {"http_client": synchronous, "async_http_client": asynchronous}
            yield come_to


@pytest.fixture
def production(provider: Any, spans: Any, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """Instrument as in production, and tell what was logged of ours."""
    barrier.raise_faults(on=False)
    barrier.faults.clear()
    barrier._seen.clear()
    spanmeter.instrument(service_name="test", endpoint=provider.url, tracer_provider=spans.tracer_provider)
    with caplog.at_level(logging.ERROR, "spanmeter"):
        yield lambda: [record.getMessage() for record in caplog.records if record.name == "spanmeter"]
    spanmeter.uninstrument()
    runs.cancel_all()
    open_spans.cancel_all()


@pytest.fixture
def hushed() -> Callable[[], int]:
    """Spare the test faults of ours as in production, and tell how many there were."""
    barrier.raise_faults(on=False)
    barrier.faults.clear()
    return barrier.faults.total
