"""Runs the pieces of a random application, each as its framework's users write it."""

# ruff: noqa: ARG001, ARG002, ARG005  the signatures are the frameworks'
# No annotations of the future: LlamaIndex reads those of a workflow's steps as they stand.
import asyncio
import contextlib
import inspect
import operator
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from langchain_core.caches import InMemoryCache
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import StructuredTool, tool
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt
from llama_index.core.base.base_retriever import BaseRetriever as NodeRetriever
from llama_index.core.llms import ChatMessage, CompletionResponse, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.prompts import PromptTemplate
from llama_index.core.query_engine import CustomQueryEngine
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context, Event, StartEvent, StopEvent, Workflow, step
from opentelemetry.trace import Tracer
from pydantic import BaseModel
from tests.compat.desk import Desk
from tests.compat.program import Piece

try:
    from llama_index.llms.langchain import LangChainLLM  # type: ignore[import-untyped]
except ImportError:
    LangChainLLM = None

SLOW_S = 0.01
RETRY_OPTION = "retry_policy" if "retry_policy" in inspect.signature(StateGraph.add_node).parameters else "retry"
QUICKLY = RetryPolicy(max_attempts=2, initial_interval=0.001, backoff_factor=1.0, jitter=False, retry_on=Exception)


class City(BaseModel):
    """A city."""

    name: str


class State(TypedDict):
    """What a graph hands on."""

    said: Annotated[list[str], operator.add]


@tool
def search(text: str) -> str:
    """Search."""
    return text


def look(q: str) -> str:
    """Find passages."""
    return q


@dataclass
class Stage:
    """Runs pieces; `certain` are the numbers of those whose every good answer was received whole."""

    app: Any
    desk: Desk
    tracer: Tracer
    certain: set[int] = field(default_factory=set)
    kinds: dict[int, Piece] = field(default_factory=dict)

    @contextlib.contextmanager
    def asking(self, piece: Piece) -> Iterator[str]:
        number = next(self.desk.numbers)
        self.desk.scripts[number] = list(piece.fails)
        self.kinds[number] = piece
        try:
            yield f"q{number}q"
        except Exception:
            if not piece.inside:  # or it is their error, and the stream was left
                self._be_certain(number, piece)
            raise
        self._be_certain(number, piece)

    def _be_certain(self, number: int, piece: Piece) -> None:
        if piece.reading == "all" or piece.kind not in STREAMED:
            self.certain.add(number)

    def run(self, piece: Piece) -> None:
        with contextlib.suppress(*[Exception] * piece.guarded):
            if piece.kind in ASK:
                with self.asking(piece) as text:
                    ASK[piece.kind](self.app, text)
            elif piece.kind in STREAM:
                with self.asking(piece) as text:
                    read(STREAM[piece.kind](self.app, text), piece, lambda: self.body(piece))
            else:
                AROUND[piece.kind](self, piece)

    async def arun(self, piece: Piece) -> None:
        if not piece.asynchronous:
            self.run(piece)
            return
        with contextlib.suppress(*[Exception] * piece.guarded):
            if piece.kind in AASK:
                with self.asking(piece) as text:
                    await AASK[piece.kind](self.app, text)
            elif piece.kind in ASTREAM:
                with self.asking(piece) as text:
                    stream = ASTREAM[piece.kind](self.app, text)
                    stream = await stream if inspect.isawaitable(stream) else stream
                    await aread(stream, piece, lambda: self.abody(piece))
            else:
                await AAROUND[piece.kind](self, piece)

    def body(self, piece: Piece) -> str:
        for inside in piece.inside:
            self.run(inside)
        return "done"

    async def abody(self, piece: Piece) -> str:
        for inside in piece.inside:
            await self.arun(inside)
        return "done"


def read(stream: Any, piece: Piece, meanwhile: Callable[[], Any]) -> None:
    """Read a stream as far as the piece says."""
    stream = getattr(stream, "response_gen", stream)
    if piece.reading == "never":
        return
    for number, _ in enumerate(stream):
        if number == 0:
            meanwhile()
        elif piece.reading != "all":
            break
    if piece.reading == "closed" and hasattr(stream, "close"):
        stream.close()


async def aread(stream: Any, piece: Piece, meanwhile: Callable[[], Any]) -> None:
    """Read an asynchronous stream as far as the piece says."""
    if hasattr(stream, "async_response_gen"):
        stream = stream.async_response_gen()
    if piece.reading == "never":
        return
    number = 0
    async for _ in stream:
        if number == 0:
            await meanwhile()
        elif piece.reading != "all":
            break
        number += 1
    if piece.reading == "closed" and hasattr(stream, "aclose"):
        await stream.aclose()


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


def question(text: str) -> list[ChatMessage]:
    return [ChatMessage(role="user", content=text)]


def over(app: Any) -> Any:
    return LangChainLLM(llm=app.chat) if LangChainLLM else app.llm


def chat_engine(app: Any) -> Any:
    memory = ChatMemoryBuffer(token_limit=1000, tokenizer_fn=str.split)
    return app.index.as_chat_engine(llm=app.streaming_llm, chat_mode="simple", memory=memory)


def patient(app: Any) -> Any:
    return app.langchain_model(max_retries=2)


def retrying(app: Any) -> Any:
    return app.chat.with_retry(stop_after_attempt=2, wait_exponential_jitter=False)


def caching(app: Any) -> Any:
    return app.langchain_model(cache=InMemoryCache())


def answering(app: Any) -> Any:
    def answer(state: State) -> Any:
        return {"said": [str(app.chat.invoke(state["said"][-1]).content)]}

    async def answer_in_a_task(state: State) -> Any:
        return {"said": [str((await app.chat.ainvoke(state["said"][-1])).content)]}

    node = RunnableLambda(answer, afunc=answer_in_a_task)
    return StateGraph(State).add_node("answer", node).add_edge(START, "answer").add_edge("answer", END).compile()


def twice(app: Any, text: str) -> None:
    model = caching(app)
    model.invoke(text)
    model.invoke(text)


async def atwice(app: Any, text: str) -> None:
    model = caching(app)
    await model.ainvoke(text)
    await model.ainvoke(text)


def messages(text: str) -> Any:
    return [[HumanMessage(f"{text} a")], [HumanMessage(f"{text} b")]]


TEMPLATE = PromptTemplate("{text}")

ASK: dict[str, Callable[[Any, str], Any]] = {
    "invoke": lambda app, text: app.chat.invoke(text),
    "chain": lambda app, text: app.chain.invoke({"question": text}),
    "batch": lambda app, text: app.chat.batch([f"{text} a", f"{text} b"]),
    "generate": lambda app, text: app.chat.generate(messages(text)),
    "choices": lambda app, text: app.langchain_model(n=2).invoke(text),
    "structured": lambda app, text: app.chat.with_structured_output(City).invoke(text),
    "cached": twice,
    "completion": lambda app, text: app.completion.invoke(text),
    "embed query": lambda app, text: app.embeddings.embed_query(text),
    "embed documents": lambda app, text: app.embeddings.embed_documents([text, text]),
    "tool call": lambda app, text: app.chat.bind_tools([search]).invoke(text),
    "sdk retry": lambda app, text: patient(app).invoke(text),
    "with retry": lambda app, text: retrying(app).invoke(text),
    "with fallback": lambda app, text: app.chat.with_fallbacks([app.other]).invoke(text),
    "messages of a graph": lambda app, text: list(answering(app).stream({"said": [text]}, stream_mode="messages")),
    "events": lambda app, text: list(app.chat.stream(text)),
    "chat": lambda app, text: app.llm.chat(question(text)),
    "complete": lambda app, text: app.llm.complete(text),
    "query": lambda app, text: app.engine().query(text),
    "retrieve": lambda app, text: app.retriever.retrieve(text),
    "embed batch": lambda app, text: app.embedder.get_text_embedding_batch([f"{text} {n}" for n in range(3)]),
    "structured predict": lambda app, text: app.llm.structured_predict(City, TEMPLATE, text=text),
    "structured model": lambda app, text: app.llm.as_structured_llm(City).chat(question(text)),
    "chat over langchain": lambda app, text: over(app).chat(question(text)),
    "complete over langchain": lambda app, text: over(app).complete(text),
    "query over langchain": lambda app, text: app.engine(llm=over(app)).query(text),
    "chat engine": lambda app, text: chat_engine(app).chat(text),
    "predict and call": lambda app, text: app.llm.predict_and_call([FunctionTool.from_defaults(look)], user_msg=text),
}
AASK: dict[str, Callable[[Any, str], Any]] = {
    "invoke": lambda app, text: app.chat.ainvoke(text),
    "chain": lambda app, text: app.chain.ainvoke({"question": text}),
    "batch": lambda app, text: app.chat.abatch([f"{text} a", f"{text} b"]),
    "generate": lambda app, text: app.chat.agenerate(messages(text)),
    "choices": lambda app, text: app.langchain_model(n=2).ainvoke(text),
    "structured": lambda app, text: app.chat.with_structured_output(City).ainvoke(text),
    "cached": atwice,
    "completion": lambda app, text: app.completion.ainvoke(text),
    "embed query": lambda app, text: app.embeddings.aembed_query(text),
    "embed documents": lambda app, text: app.embeddings.aembed_documents([text, text]),
    "tool call": lambda app, text: app.chat.bind_tools([search]).ainvoke(text),
    "sdk retry": lambda app, text: patient(app).ainvoke(text),
    "with retry": lambda app, text: retrying(app).ainvoke(text),
    "with fallback": lambda app, text: app.chat.with_fallbacks([app.other]).ainvoke(text),
    "messages of a graph": lambda app, text: drain(answering(app).astream({"said": [text]}, stream_mode="messages")),
    "events": lambda app, text: drain(app.chain.astream_events({"question": text}, version="v2")),
    "chat": lambda app, text: app.llm.achat(question(text)),
    "complete": lambda app, text: app.llm.acomplete(text),
    "query": lambda app, text: app.engine().aquery(text),
    "retrieve": lambda app, text: app.retriever.aretrieve(text),
    "embed batch": lambda app, text: app.embedder.aget_text_embedding_batch([f"{text} {n}" for n in range(3)]),
    "structured predict": lambda app, text: app.llm.astructured_predict(City, TEMPLATE, text=text),
    "structured model": lambda app, text: app.llm.as_structured_llm(City).achat(question(text)),
    "chat over langchain": lambda app, text: over(app).achat(question(text)),
    "complete over langchain": lambda app, text: over(app).acomplete(text),
    "query over langchain": lambda app, text: app.engine(llm=over(app)).aquery(text),
    "chat engine": lambda app, text: chat_engine(app).achat(text),
    "predict and call": lambda app, text: app.llm.apredict_and_call([FunctionTool.from_defaults(look)], user_msg=text),
}


def unmetered(app: Any) -> Any:
    return app.langchain_model(stream_usage=False)


STREAM: dict[str, Callable[[Any, str], Any]] = {
    "stream": lambda app, text: app.chat.stream(text),
    "stream without usage": lambda app, text: unmetered(app).stream(text),
    "stream of a chain": lambda app, text: app.chain.stream({"question": text}),
    "stream of completions": lambda app, text: app.completion.stream(text),
    "stream_chat": lambda app, text: app.streaming_llm.stream_chat(question(text)),
    "stream_chat without usage": lambda app, text: app.llm.stream_chat(question(text)),
    "stream_complete": lambda app, text: app.streaming_llm.stream_complete(text),
    "streaming query": lambda app, text: app.engine(streaming=True).query(text),
    "streaming query over langchain": lambda app, text: app.engine(llm=over(app), streaming=True).query(text),
    "stream_chat over langchain": lambda app, text: over(app).stream_chat(question(text)),
    "stream_complete over langchain": lambda app, text: over(app).stream_complete(text),
    "streaming chat engine": lambda app, text: chat_engine(app).stream_chat(text),
}
ASTREAM: dict[str, Callable[[Any, str], Any]] = {
    "stream": lambda app, text: app.chat.astream(text),
    "stream without usage": lambda app, text: unmetered(app).astream(text),
    "stream of a chain": lambda app, text: app.chain.astream({"question": text}),
    "stream of completions": lambda app, text: app.completion.astream(text),
    "stream_chat": lambda app, text: app.streaming_llm.astream_chat(question(text)),
    "stream_chat without usage": lambda app, text: app.llm.astream_chat(question(text)),
    "stream_complete": lambda app, text: app.streaming_llm.astream_complete(text),
    "streaming query": lambda app, text: app.engine(streaming=True).aquery(text),
    "streaming query over langchain": lambda app, text: app.engine(llm=over(app), streaming=True).aquery(text),
    "stream_chat over langchain": lambda app, text: over(app).astream_chat(question(text)),
    "stream_complete over langchain": lambda app, text: over(app).astream_complete(text),
    "streaming chat engine": lambda app, text: chat_engine(app).astream_chat(text),
}
STREAMED = frozenset(STREAM)


class Retriever(BaseRetriever):
    """Retrieves by running a piece."""

    stage: Any
    piece: Any

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document(self.stage.body(self.piece))]

    async def _aget_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document(await self.stage.abody(self.piece))]


class Model(BaseChatModel):
    """A model that asks another one, and runs a piece meanwhile."""

    stage: Any
    piece: Any

    @property
    def _llm_type(self) -> str:
        return "routing"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        self.stage.run(Piece("invoke", fails=self.piece.fails))
        self.stage.body(self.piece)
        return ChatResult(generations=[ChatGeneration(message=AIMessage("done"))])

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        await self.stage.arun(Piece("invoke", asynchronous=True, fails=self.piece.fails))
        await self.stage.abody(self.piece)
        return ChatResult(generations=[ChatGeneration(message=AIMessage("done"))])


class StreamedModel(Model):
    """The same that streams."""

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> Any:
        self.stage.run(Piece("invoke", fails=self.piece.fails))
        yield ChatGenerationChunk(message=AIMessageChunk(content="one"))
        self.stage.body(self.piece)
        yield ChatGenerationChunk(message=AIMessageChunk(content="two"))

    async def _astream(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> Any:
        await self.stage.arun(Piece("invoke", asynchronous=True, fails=self.piece.fails))
        yield ChatGenerationChunk(message=AIMessageChunk(content="one"))
        await self.stage.abody(self.piece)
        yield ChatGenerationChunk(message=AIMessageChunk(content="two"))


class CustomModel(CustomLLM):
    """A LlamaIndex model that asks a LangChain one, and runs a piece meanwhile."""

    stage: Any
    piece: Any

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="outer")

    @llm_completion_callback()
    def complete(self, prompt: str, **_: Any) -> CompletionResponse:
        self.stage.run(Piece("invoke", fails=self.piece.fails))
        return CompletionResponse(text=self.stage.body(self.piece))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, **_: Any) -> CompletionResponse:
        await self.stage.arun(Piece("chat", asynchronous=True, fails=self.piece.fails))
        return CompletionResponse(text=await self.stage.abody(self.piece))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, **_: Any) -> Any:
        def speak() -> Iterator[CompletionResponse]:
            self.stage.run(Piece("invoke", fails=self.piece.fails))
            yield CompletionResponse(text="one", delta="one")
            self.stage.body(self.piece)
            yield CompletionResponse(text="one two", delta=" two")

        return speak()

    @llm_completion_callback()
    async def astream_complete(self, prompt: str, **_: Any) -> Any:
        async def speak() -> AsyncIterator[CompletionResponse]:
            await self.stage.arun(Piece("invoke", asynchronous=True, fails=self.piece.fails))
            yield CompletionResponse(text="one", delta="one")
            await self.stage.abody(self.piece)
            yield CompletionResponse(text="one two", delta=" two")

        return speak()


class Nodes(NodeRetriever):
    """A LlamaIndex retriever that runs a piece."""

    def __init__(self, stage: Stage, piece: Piece) -> None:
        super().__init__()
        self._stage, self._piece = stage, piece

    def _retrieve(self, query_bundle: Any) -> Any:
        self._stage.body(self._piece)
        return []

    async def _aretrieve(self, query_bundle: Any) -> Any:
        await self._stage.abody(self._piece)
        return []


class Engine(CustomQueryEngine):
    """A LlamaIndex query engine that runs a piece."""

    stage: Any
    piece: Any

    def custom_query(self, query_str: str) -> str:
        return str(self.stage.body(self.piece))

    async def acustom_query(self, query_str: str) -> str:
        return str(await self.stage.abody(self.piece))


class OneStep(Workflow):
    """Runs a piece in its step."""

    def __init__(self, stage: Any, piece: Any) -> None:
        super().__init__(timeout=10)
        self.stage, self.piece = stage, piece

    @step
    async def ask(self, _: StartEvent) -> StopEvent:
        return StopEvent(result=await self.stage.abody(self.piece))


class Part(Event):
    """One of several things to do."""

    number: int


class Done(Event):
    """One of them is done."""


class Spreading(OneStep):
    """Runs pieces in steps at the same time."""

    done: int = 0

    @step
    async def ask(self, ctx: Context, _: StartEvent) -> Part | StopEvent | None:
        for number in range(len(self.piece.inside)):
            ctx.send_event(Part(number=number))
        return None if self.piece.inside else StopEvent(result="done")

    @step(num_workers=3)
    async def part(self, event: Part) -> Done:
        await self.stage.arun(self.piece.inside[event.number])
        return Done()

    @step
    async def collect(self, _: Done) -> StopEvent | None:
        self.done += 1
        return StopEvent(result="done") if self.done == len(self.piece.inside) else None


def runnable(stage: Stage, piece: Piece) -> Any:
    return RunnableLambda(lambda _: stage.body(piece), afunc=lambda _: stage.abody(piece), name="lambda")


def each(stage: Stage, piece: Piece) -> list[Any]:
    return [runnable(stage, Piece("lambda", inside=(inside,))) for inside in piece.inside]


def sequence(stage: Stage, piece: Piece) -> Any:
    chain: Any = RunnableLambda(str)
    for part in each(stage, piece):
        chain = chain | part
    return chain


def parallel(stage: Stage, piece: Piece) -> Any:
    return RunnableParallel({f"part{number}": part for number, part in enumerate(each(stage, piece))})


def one_of(stage: Stage, piece: Piece) -> Any:
    return RunnableLambda(
        lambda number: stage.run(piece.inside[number]), afunc=lambda number: stage.arun(piece.inside[number])
    )


def structured_tool(stage: Stage, piece: Piece) -> Any:
    async def work(q: str) -> str:
        return await stage.abody(piece)

    return StructuredTool.from_function(lambda q: stage.body(piece), coroutine=work, name="work", description="d")


def function_tool(stage: Stage, piece: Piece) -> Any:
    async def work(q: str) -> str:
        return await stage.abody(piece)

    return FunctionTool.from_defaults(lambda q: stage.body(piece), async_fn=work, name="work", description="d")


def node(stage: Stage, piece: Piece) -> Any:
    def work(_: State) -> Any:
        return {"said": [stage.body(piece)]}

    async def awork(_: State) -> Any:
        return {"said": [await stage.abody(piece)]}

    return RunnableLambda(work, afunc=awork)


def graph(stage: Stage, piece: Piece) -> Any:
    """Build a graph of a node for each piece inside, in line."""
    made, before = StateGraph(State), START
    for number, inside in enumerate(piece.inside):
        made.add_node(f"node{number}", node(stage, Piece("node", inside=(inside,))))
        made.add_edge(before, f"node{number}")
        before = f"node{number}"
    if before == START:
        made.add_node("nothing", lambda _: {"said": ["nothing"]})
        made.add_edge(START, "nothing")
    return made


def branches(stage: Stage, piece: Piece) -> Any:
    made = StateGraph(State)
    for number, inside in enumerate(piece.inside or (Piece("span"),)):
        made.add_node(f"node{number}", node(stage, Piece("node", inside=(inside,))))
        made.add_edge(START, f"node{number}")
    return made


def subgraph(stage: Stage, piece: Piece) -> Any:
    return StateGraph(State).add_node("outer", graph(stage, piece).compile()).add_edge(START, "outer")


def interrupted(stage: Stage, piece: Piece) -> Any:
    def confirm(_: State) -> Any:
        return {"said": [str(interrupt("sure?"))]}

    made = graph(stage, piece).add_node("confirm", confirm)
    return made.add_edge(f"node{len(piece.inside) - 1}" if piece.inside else "nothing", "confirm")


def retried(stage: Stage, piece: Piece) -> Any:
    made: Any = StateGraph(State)
    return made.add_node("again", node(stage, piece), **{RETRY_OPTION: QUICKLY}).add_edge(START, "again")


def conditional(stage: Stage, piece: Piece) -> Any:
    made = StateGraph(State).add_node("first", lambda _: {"said": ["first"]}).add_node("second", node(stage, piece))
    made.add_node("third", lambda _: {"said": ["third"]}).add_edge(START, "first")
    return made.add_conditional_edges("first", lambda _: "second", ["second", "third"])


Build = Callable[[Stage, Piece], Any]
SAID: Any = {"said": ["q"]}
GRAPHS: dict[str, Build] = {
    "graph": graph,
    "branches": branches,
    "subgraph": subgraph,
    "retried node": retried,
    "conditional graph": conditional,
}
RUNNABLES: dict[str, Build] = {
    "lambda": runnable,
    "sequence": sequence,
    "parallel": parallel,
    "retried lambda": lambda stage, piece: runnable(stage, piece).with_retry(
        stop_after_attempt=2, wait_exponential_jitter=False
    ),
    "fallback of a lambda": lambda stage, piece: runnable(stage, piece).with_fallbacks([RunnableLambda(str)]),
    "retriever": lambda stage, piece: Retriever(stage=stage, piece=piece),
    "model": lambda stage, piece: Model(stage=stage, piece=piece),
}


def in_span(stage: Stage, piece: Piece) -> None:
    with stage.tracer.start_as_current_span("between"):
        stage.body(piece)


async def ain_span(stage: Stage, piece: Piece) -> None:
    with stage.tracer.start_as_current_span("between"):
        await stage.abody(piece)


def resumed(stage: Stage, piece: Piece) -> None:
    compiled = interrupted(stage, piece).compile(checkpointer=MemorySaver())
    config: Any = {"configurable": {"thread_id": "t1"}}
    compiled.invoke(SAID, config)
    compiled.invoke(Command(resume="yes"), config)


async def aresumed(stage: Stage, piece: Piece) -> None:
    compiled = interrupted(stage, piece).compile(checkpointer=MemorySaver())
    config: Any = {"configurable": {"thread_id": "t1"}}
    await compiled.ainvoke(SAID, config)
    await compiled.ainvoke(Command(resume="yes"), config)


def in_threads(stage: Stage, piece: Piece) -> None:
    with ThreadPoolExecutor(2) as pool:
        started = [pool.submit(copy_context().run, stage.run, inside) for inside in piece.inside]
        [future.result() for future in started]


async def in_tasks(stage: Stage, piece: Piece) -> None:
    await asyncio.gather(*(stage.arun(inside) for inside in piece.inside))


def streaming_lambda(stage: Stage, piece: Piece) -> Any:
    def speak(_: Any) -> Any:
        yield "one"
        yield stage.body(piece)

    return RunnableLambda(speak)


def astreaming_lambda(stage: Stage, piece: Piece) -> Any:
    async def speak(_: Any) -> Any:
        yield "one"
        yield await stage.abody(piece)

    return RunnableLambda(speak)


def nothing() -> None:
    pass


async def anothing() -> None:
    pass


async def timed_out(stage: Stage, piece: Piece) -> None:
    stage.desk.slow_s = SLOW_S
    wait_s = SLOW_S * (1 + len(piece.fails)) * (1 if piece.reading == "all" else 3)
    with contextlib.suppress(asyncio.TimeoutError):
        if piece.guarded:
            await asyncio.wait_for(stage.abody(piece), wait_s)
        else:
            async with asyncio.timeout(wait_s):
                await stage.abody(piece)


def custom_model(stage: Stage, piece: Piece) -> Any:
    return CustomModel(stage=stage, piece=piece)


async def started(awaitable: Any) -> Any:
    return await awaitable


async def _astream_complete(stage: Stage, piece: Piece) -> None:
    await aread(await custom_model(stage, piece).astream_complete("q"), piece, anothing)


def _run(build: Build) -> Build:
    return lambda stage, piece: build(stage, piece).invoke("q")


def _arun(build: Build) -> Build:
    return lambda stage, piece: build(stage, piece).ainvoke("q")


def _run_graph(build: Build) -> Build:
    return lambda stage, piece: build(stage, piece).compile().invoke(SAID)


def _arun_graph(build: Build) -> Build:
    return lambda stage, piece: build(stage, piece).compile().ainvoke(SAID)


AROUND: dict[str, Callable[[Stage, Piece], Any]] = {
    **{kind: _run(build) for kind, build in RUNNABLES.items()},
    **{kind: _run_graph(build) for kind, build in GRAPHS.items()},
    "span": in_span,
    "batch of lambdas": lambda s, p: one_of(s, p).batch(list(range(len(p.inside)))),
    "tool": lambda s, p: structured_tool(s, p).invoke({"q": "q"}),
    "interrupted graph": resumed,
    "function tool": lambda s, p: function_tool(s, p).call("q"),
    "node retriever": lambda s, p: Nodes(s, p).retrieve("q"),
    "custom engine": lambda s, p: Engine(stage=s, piece=p).query("q"),
    "custom model": lambda s, p: custom_model(s, p).complete("q"),
    "at once": in_threads,
    "streamed lambda": lambda s, p: read(streaming_lambda(s, p).stream("q"), p, nothing),
    "streamed graph": lambda s, p: read(graph(s, p).compile().stream(SAID, stream_mode="messages"), p, nothing),
    "streamed model": lambda s, p: read(StreamedModel(stage=s, piece=p).stream("q"), p, nothing),
    "streamed custom model": lambda s, p: read(custom_model(s, p).stream_complete("q"), p, nothing),
}
AAROUND: dict[str, Callable[[Stage, Piece], Any]] = {
    **{kind: _arun(build) for kind, build in RUNNABLES.items()},
    **{kind: _arun_graph(build) for kind, build in GRAPHS.items()},
    "span": ain_span,
    "batch of lambdas": lambda s, p: one_of(s, p).abatch(list(range(len(p.inside)))),
    "tool": lambda s, p: structured_tool(s, p).ainvoke({"q": "q"}),
    "interrupted graph": aresumed,
    "function tool": lambda s, p: function_tool(s, p).acall("q"),
    "node retriever": lambda s, p: Nodes(s, p).aretrieve("q"),
    "custom engine": lambda s, p: Engine(stage=s, piece=p).aquery("q"),
    "custom model": lambda s, p: custom_model(s, p).acomplete("q"),
    "at once": in_tasks,
    "streamed lambda": lambda s, p: aread(astreaming_lambda(s, p).astream("q"), p, anothing),
    "streamed graph": lambda s, p: aread(graph(s, p).compile().astream(SAID, stream_mode="updates"), p, anothing),
    "streamed model": lambda s, p: aread(StreamedModel(stage=s, piece=p).astream("q"), p, anothing),
    "streamed custom model": _astream_complete,
    "workflow": lambda s, p: started(OneStep(s, p).run()),
    "spreading workflow": lambda s, p: started(Spreading(s, p).run()),
    "timeout": timed_out,
    "in a thread": lambda s, p: asyncio.to_thread(s.body, p),
}
