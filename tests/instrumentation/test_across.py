"""Both frameworks in one request: one trace, right parents, every provider call counted once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from typing import Any

import httpx
import llama_index.core
import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from llama_index.core import VectorStoreIndex
from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.schema import TextNode
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI
from pydantic import SecretStr

import spanmeter
from spanmeter import barrier, semconv
from spanmeter.langchain.runs import runs
from spanmeter.llama_index.open_spans import spans as llama_index_spans

RETRIEVAL = ["embeddings text-embedding-3-small", "retrieval VectorIndexRetriever"]
QUERY = ["chat gpt-4o-mini", "synthesize CompactAndRefine", "query RetrieverQueryEngine"]


class Application:
    """The parts of a question answering application that both frameworks share."""

    def __init__(self, url: str, clients: dict[str, Any]) -> None:
        options = {"api_key": "none", "api_base": f"{url}/v1", "max_retries": 0, **clients}
        usage = {"stream_options": {"include_usage": True}}
        self.llama_index_model = OpenAI(model="gpt-4o-mini", additional_kwargs=usage, **options)
        self.langchain_model = ChatOpenAI(
            model="gpt-4o",
            api_key=SecretStr("none"),
            base_url=f"{url}/v1",
            max_retries=0,
            stream_usage=True,
            http_client=clients["http_client"],
            http_async_client=clients["async_http_client"],
        )
        embedder = OpenAIEmbedding(model="text-embedding-3-small", **options)
        self.index = VectorStoreIndex(nodes=[TextNode(text="one", embedding=[0.1, 0.2])], embed_model=embedder)
        self.retriever = self.index.as_retriever()

    def engine(self, *, streaming: bool = False, model: Any = None) -> Any:
        return self.index.as_query_engine(llm=model or self.llama_index_model, streaming=streaming)


class Nested(CustomLLM):
    """A LlamaIndex model that asks a LangChain one, as `LangChainLLM` does."""

    inner: Any

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="nested", is_chat_model=False)

    @llm_completion_callback()
    def complete(self, prompt: str, **_: Any) -> CompletionResponse:
        return CompletionResponse(text=str(self.inner.invoke(prompt).content))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, **_: Any) -> Any:
        return (CompletionResponse(text="", delta=str(chunk.content)) for chunk in self.inner.stream(prompt))


class LlamaIndexRetriever(BaseRetriever):
    """A LangChain retriever over a LlamaIndex one."""

    inner: Any

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document(page_content=node.text) for node in self.inner.retrieve(query)]


@pytest.fixture
async def application(provider: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Application]:
    monkeypatch.setattr(llama_index.core, "global_tokenizer", str.split)
    async with httpx.AsyncClient() as asynchronous:
        with httpx.Client() as synchronous:
            yield Application(provider.url, {"http_client": synchronous, "async_http_client": asynchronous})


@pytest.fixture
def traced(instrumented: Any, provider: Any) -> Iterator[Any]:
    """The spans of a request; at the end it is one trace, counted as the provider did, and nothing is open."""
    barrier.raise_faults(on=False)
    barrier.faults.clear()
    yield instrumented
    assert instrumented.traces() == 1
    assert _totals(instrumented) == (provider.calls, provider.input_tokens, provider.output_tokens)
    open_calls: dict[Any, Any] = {**runs._open, **llama_index_spans._open, **llama_index_spans.models._open}
    assert (open_calls, dict(barrier.faults)) == ({}, {})


@pytest.fixture
def request_span(instrumented: Any) -> Callable[[], AbstractContextManager[Any]]:
    """The span a web framework would open around a request."""
    tracer = instrumented.tracer_provider.get_tracer("application")
    return lambda: tracer.start_as_current_span("request")


def _totals(spans: Any) -> tuple[int, int, int]:
    calls = sum((span.attributes or {}).get(semconv.CALLS, 1) for span in spans.calls())
    return calls, spans.total(semconv.INPUT_TOKENS), spans.total(semconv.OUTPUT_TOKENS)


def test_a_query_engine_inside_a_runnable(traced: Any, request_span: Any, application: Application) -> None:
    with request_span():
        RunnableLambda(application.engine().query, name="ask").invoke("q")
    assert traced.path_of("chat gpt-4o-mini") == [*QUERY, "chain ask", "request"]
    assert traced.path_of(RETRIEVAL[0]) == [*RETRIEVAL, QUERY[-1], "chain ask", "request"]


async def test_a_query_engine_inside_an_asynchronous_runnable(
    traced: Any, request_span: Any, application: Application
) -> None:
    with request_span():
        await RunnableLambda(application.engine().aquery, name="ask").ainvoke("q")
    assert traced.path_of("chat gpt-4o-mini") == [*QUERY, "chain ask", "request"]


def test_a_streaming_query_engine_inside_a_runnable(traced: Any, request_span: Any, application: Application) -> None:
    def ask(question: str) -> str:
        return "".join(application.engine(streaming=True).query(question).response_gen)

    with request_span():
        RunnableLambda(ask, name="ask").invoke("q")
    assert traced.path_of("chat gpt-4o-mini") == [*QUERY, "chain ask", "request"]


def test_a_graph_retrieves_with_one_framework_and_answers_with_the_other(
    traced: Any, request_span: Any, application: Application
) -> None:
    with request_span():
        _graph(application).invoke({"messages": [("user", "q")]})
    assert traced.path_of(RETRIEVAL[0]) == [*RETRIEVAL, "node retrieve", "invoke_workflow LangGraph", "request"]
    assert traced.path_of("chat gpt-4o") == ["chat gpt-4o", "node answer", "invoke_workflow LangGraph", "request"]


async def test_an_asynchronous_graph_is_the_same(traced: Any, request_span: Any, application: Application) -> None:
    with request_span():
        await _graph(application).ainvoke({"messages": [("user", "q")]})
    assert traced.path_of(RETRIEVAL[0]) == [*RETRIEVAL, "node retrieve", "invoke_workflow LangGraph", "request"]
    assert traced.path_of("chat gpt-4o") == ["chat gpt-4o", "node answer", "invoke_workflow LangGraph", "request"]


def _graph(application: Application) -> Any:
    def retrieve(state: MessagesState) -> dict[str, Any]:
        question = str(state["messages"][-1].content)
        return {"messages": [node.text for node in application.retriever.retrieve(question)]}

    def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [application.langchain_model.invoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node("retrieve", retrieve).add_node("answer", answer)
    return graph.add_edge(START, "retrieve").add_edge("retrieve", "answer").add_edge("answer", END).compile()


def test_a_retriever_of_one_framework_around_one_of_the_other(
    traced: Any, request_span: Any, application: Application
) -> None:
    chain = LlamaIndexRetriever(inner=application.retriever) | RunnableLambda(str) | application.langchain_model
    with request_span():
        chain.invoke("q")
    assert traced.path_of(RETRIEVAL[0]) == [
        *RETRIEVAL,
        "retrieval LlamaIndexRetriever",
        "chain RunnableSequence",
        "request",
    ]


async def test_a_tool_that_retrieves(traced: Any, request_span: Any, application: Application) -> None:
    @tool
    def search(q: str) -> int:
        """Find passages."""
        return len(application.retriever.retrieve(q))

    with request_span():
        await search.ainvoke({"q": "x"})
    assert traced.path_of(RETRIEVAL[0]) == [*RETRIEVAL, "execute_tool search", "request"]


def test_a_model_of_one_framework_that_asks_the_others_is_one_call(
    traced: Any, request_span: Any, application: Application
) -> None:
    model = Nested(inner=application.langchain_model)
    with request_span():
        RunnableLambda(application.engine(model=model).query, name="ask").invoke("q")
    assert traced.path_of("chat gpt-4o") == [
        "chat gpt-4o",
        "text_completion nested",
        *QUERY[1:],
        "chain ask",
        "request",
    ]


def test_a_stream_of_one_framework_that_reads_the_others_is_one_call(
    traced: Any, request_span: Any, application: Application
) -> None:
    with request_span():
        for _ in Nested(inner=application.langchain_model).stream_complete("x"):
            application.retriever.retrieve("meanwhile")
    assert traced.path(traced.one("chat gpt-4o")) == ["chat gpt-4o", "text_completion nested", "request"]
    assert {tuple(traced.path(span)) for span in traced.named(RETRIEVAL[1])} == {(RETRIEVAL[1], "request")}


async def test_a_workflow_that_asks_a_model_of_the_other_framework(
    traced: Any, request_span: Any, application: Application
) -> None:
    class Answering(Workflow):
        @step
        async def answer(self, _: StartEvent) -> StopEvent:
            await application.retriever.aretrieve("q")
            return StopEvent(result=await application.langchain_model.ainvoke("q"))

    async def ask(_: str) -> Any:
        return await Answering(timeout=10).run()

    with request_span():
        await RunnableLambda(ask, name="ask").ainvoke("q")
    steps = ["step answer", "invoke_workflow Answering", "chain ask", "request"]
    assert traced.path_of("chat gpt-4o") == ["chat gpt-4o", *steps]
    assert traced.path_of(RETRIEVAL[0]) == [*RETRIEVAL, *steps]


def test_threads_with_a_copied_context_stay_in_the_trace(
    traced: Any, request_span: Any, application: Application
) -> None:
    def ask(_: str) -> None:
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(copy_context().run, application.retriever.retrieve, q) for q in ("a", "b")]
            [retrieval.result() for retrieval in asked]

    with request_span():
        RunnableLambda(ask, name="ask").invoke("q")
    paths = [traced.path(span) for span in traced.named(RETRIEVAL[0])]
    assert paths == [[*RETRIEVAL, "chain ask", "request"]] * 2


async def test_parallel_retrievals_are_siblings(traced: Any, request_span: Any, application: Application) -> None:
    async def ask(_: str) -> None:
        await asyncio.gather(*(application.retriever.aretrieve(q) for q in ("a", "b", "c")))

    with request_span():
        await RunnableLambda(ask, name="ask").ainvoke("q")
        await application.langchain_model.ainvoke("q")
    paths = [traced.path(span) for span in traced.named(RETRIEVAL[0])]
    assert paths == [[*RETRIEVAL, "chain ask", "request"]] * 3
    assert traced.path_of("chat gpt-4o") == ["chat gpt-4o", "request"]


def test_a_bill_adds_up_both_frameworks(
    traced: Any, request_span: Any, provider: Any, application: Application
) -> None:
    with request_span(), spanmeter.measure() as bill:
        str(application.engine(streaming=True).query("q"))
        application.langchain_model.invoke("q")
    assert (bill.calls, bill.input_tokens, bill.output_tokens) == _totals(traced)
    assert bill.calls == provider.calls == 3


def test_a_stream_read_elsewhere_still_belongs_to_who_asked(
    traced: Any, request_span: Any, application: Application
) -> None:
    with request_span(), spanmeter.context(tenant="acme"), spanmeter.measure() as bill:
        response = application.engine(streaming=True).query("q")
    reader = threading.Thread(target=str, args=(response,))
    reader.start()
    reader.join()
    assert traced.one("chat gpt-4o-mini").attributes[semconv.TENANT] == "acme"
    assert bill.calls == 2


def test_uninstrumenting_leaves_no_trace(instrumented: Any, application: Application) -> None:
    spanmeter.uninstrument()
    RunnableLambda(application.engine().query, name="ask").invoke("q")
    application.langchain_model.invoke("q")
    assert instrumented.finished == ()
