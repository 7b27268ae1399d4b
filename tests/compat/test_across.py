"""LangChain, LangGraph and LlamaIndex in one request: one trace, right parents, every call counted once."""

# No annotations of the future: LlamaIndex 0.11 reads those of a workflow's steps as they stand.
import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from langgraph.graph import END, START, MessagesState, StateGraph
from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step
from tests.compat.scenario import of_tasks, of_threads

RETRIEVAL = "retrieval VectorIndexRetriever > embeddings text-embedding-3-small"
QUERY = "query RetrieverQueryEngine"
QUERIED = [f"{QUERY} > {RETRIEVAL}", f"{QUERY} > synthesize CompactAndRefine > chat gpt-4o-mini"]
GRAPHED = [
    f"invoke_workflow LangGraph > node retrieve > {RETRIEVAL}",
    "invoke_workflow LangGraph > node answer > chat gpt-4o",
]
STEP = "chain ask > invoke_workflow Answering > step answer"
Run = Callable[[Any], Any]


class OverLangChain(CustomLLM):
    """A LlamaIndex model that asks a LangChain one, as `LangChainLLM` does."""

    inner: Any

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="outer")

    @llm_completion_callback()
    def complete(self, prompt: str, **_: Any) -> CompletionResponse:
        return CompletionResponse(text=str(self.inner.invoke(prompt).content))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, **_: Any) -> Any:
        return (CompletionResponse(text="", delta=str(chunk.content)) for chunk in self.inner.stream(prompt))


class OverLlamaIndex(BaseRetriever):
    """A LangChain retriever that asks a LlamaIndex one."""

    inner: Any

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document(page_content=node.text) for node in self.inner.retrieve(query)]

    async def _aget_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document(page_content=node.text) for node in await self.inner.aretrieve(query)]


class Answering(Workflow):
    """A LlamaIndex workflow that asks a LangChain model."""

    def __init__(self, app: Any) -> None:
        super().__init__(timeout=10)
        self.app = app

    @step
    async def answer(self, _: StartEvent) -> StopEvent:
        await self.app.retriever.aretrieve("q")
        return StopEvent(result=str((await self.app.chat.ainvoke("q")).content))


def runnable(function: Any) -> Any:
    return RunnableLambda(function, name="ask")


def below(start: str, paths: list[str]) -> list[str]:
    return [f"{start} > {path}" for path in paths]


def streamed(app: Any) -> Any:
    return runnable(lambda question: str(app.engine(streaming=True).query(question))).invoke("q")


def graph(app: Any) -> Any:
    def retrieve(state: MessagesState) -> Any:
        return {"messages": [node.text for node in app.retriever.retrieve(str(state["messages"][-1].content))]}

    def answer(state: MessagesState) -> Any:
        return {"messages": [app.chat.invoke(state["messages"])]}

    built = StateGraph(MessagesState).add_node("retrieve", retrieve).add_node("answer", answer)
    return built.add_edge(START, "retrieve").add_edge("retrieve", "answer").add_edge("answer", END).compile()


def retrieving(app: Any) -> Any:
    return OverLlamaIndex(inner=app.retriever) | RunnableLambda(str) | app.chat


def in_threads(app: Any) -> None:
    def ask(_: str) -> None:
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(copy_context().run, app.retriever.retrieve, q) for q in ("a", "b")]
            [retrieval.result() for retrieval in asked]

    runnable(ask).invoke("q")


async def at_once(app: Any) -> None:
    async def ask(_: str) -> None:
        await asyncio.gather(*(app.retriever.aretrieve(q) for q in ("a", "b")))

    await runnable(ask).ainvoke("q")


async def in_a_workflow(app: Any) -> None:
    async def ask(_: str) -> Any:
        return await Answering(app).run()

    await runnable(ask).ainvoke("q")


async def streamed_in_a_task(app: Any) -> None:
    async def ask(question: str) -> Any:
        response = await app.engine(streaming=True).aquery(question)
        async for text in response.async_response_gen():
            yield text

    async for _ in RunnableLambda(ask, name="ask").astream("q"):
        pass


def in_the_next_step(app: Any) -> Any:
    """A retriever of one framework, whose nodes the other's model is asked about, streaming."""
    return list((runnable(app.retriever.retrieve) | RunnableLambda(str) | app.chat).stream("q"))


async def streaming_in_a_workflow(app: Any) -> None:
    class Streaming(Answering):
        @step
        async def answer(self, _: StartEvent) -> StopEvent:
            await self.app.retriever.aretrieve("q")
            return StopEvent(result=[str(chunk.content) async for chunk in self.app.chat.astream("q")])

    await Streaming(app).run()


async def chain_in_a_workflow(app: Any) -> None:
    class Chaining(Answering):
        @step
        async def answer(self, _: StartEvent) -> StopEvent:
            return StopEvent(result=await runnable(self.app.engine().aquery).ainvoke("q"))

    await Chaining(app).run()


def as_a_tool(app: Any) -> None:
    FunctionTool.from_defaults(lambda q: str(app.chat.invoke(q).content), name="ask", description="d").call("q")


def as_the_others_tool(app: Any) -> None:
    StructuredTool.from_function(lambda q: str(app.engine().query(q)), name="ask", description="d").invoke({"q": "q"})


RETRIEVED = [
    f"chain RunnableSequence > retrieval OverLlamaIndex > {RETRIEVAL}",
    "chain RunnableSequence > chat gpt-4o",
]
MESSAGES = {"messages": [("user", "q")]}
NESTED = "text_completion outer (wrapper) > chat gpt-4o"

SYNC: dict[str, tuple[Run, list[str]]] = {
    "query in a runnable": (lambda app: runnable(app.engine().query).invoke("q"), below("chain ask", QUERIED)),
    "streaming query in a runnable": (streamed, below("chain ask", QUERIED)),
    "query in a graph": (lambda app: graph(app).invoke(MESSAGES), GRAPHED),
    "retriever around a retriever": (lambda app: retrieving(app).invoke("q"), RETRIEVED),
    "model around a model": (lambda app: OverLangChain(inner=app.chat).complete("q"), [NESTED]),
    "stream around a stream": (lambda app: list(OverLangChain(inner=app.chat).stream_complete("q")), [NESTED]),
    "retriever before a streamed model": (
        in_the_next_step,
        [f"chain RunnableSequence > chain ask > {RETRIEVAL}", "chain RunnableSequence > chat gpt-4o"],
    ),
    "model in a tool": (as_a_tool, ["execute_tool ask > chat gpt-4o"]),
    "query in a tool": (as_the_others_tool, below("execute_tool ask", QUERIED)),
    "threads with a copied context": (in_threads, [f"chain ask > {RETRIEVAL}"] * 2),
}
ASYNC: dict[str, tuple[Run, list[str]]] = {
    "query in a runnable": (lambda app: runnable(app.engine().aquery).ainvoke("q"), below("chain ask", QUERIED)),
    "streaming query in a runnable": (streamed_in_a_task, below("chain ask", QUERIED)),
    "streamed model in a workflow": (
        streaming_in_a_workflow,
        below("invoke_workflow Streaming > step answer", [RETRIEVAL, "chat gpt-4o"]),
    ),
    "chain in a workflow": (
        chain_in_a_workflow,
        below("invoke_workflow Chaining > step answer > chain ask", QUERIED),
    ),
    "query in a graph": (lambda app: graph(app).ainvoke(MESSAGES), GRAPHED),
    "retriever around a retriever": (lambda app: retrieving(app).ainvoke("q"), RETRIEVED),
    "retrievals at once": (at_once, [f"chain ask > {RETRIEVAL}"] * 2),
    "workflow in a runnable": (in_a_workflow, [f"{STEP} > {RETRIEVAL}", f"{STEP} > chat gpt-4o"]),
}


test_what_a_thread_runs = of_threads(SYNC)
test_what_a_task_runs = of_tasks(ASYNC)


def test_spans_of_the_application_in_between(app: Any, tracer_provider: Any, counted: Any) -> None:
    tracer = tracer_provider.get_tracer("application")

    def ask(question: str) -> str:
        with tracer.start_as_current_span("between"):
            return str(app.engine(streaming=True).query(question))

    with counted(*below("chain ask > between", QUERIED)):
        runnable(ask).invoke("q")


async def test_spans_of_the_application_in_a_workflow(app: Any, tracer_provider: Any, counted: Any) -> None:
    tracer = tracer_provider.get_tracer("application")

    class Answering(Workflow):
        @step
        async def answer(self, _: StartEvent) -> StopEvent:
            with tracer.start_as_current_span("between"):
                await app.chat.ainvoke("q")
                return StopEvent(result=str(await app.llm.acomplete("q")))

    between = "invoke_workflow Answering > step answer > between"
    with counted(f"{between} > chat gpt-4o", f"{between} > text_completion gpt-4o-mini"):
        await Answering(timeout=10).run()
