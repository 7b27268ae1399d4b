"""Models inside models, several prompts at once, and models that are given up: each request is counted once."""

# ruff: noqa: ARG002  the signatures are LangChain's
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.documents import Document
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import LLM, BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

from spanmeter import semconv

PROMPTS: list[Any] = [[HumanMessage("a")], [HumanMessage("b")]]
CHAT = "chat gpt-4o"
FAILED = "chat gpt-4o (InternalServerError)"
CANCELLED = "chat gpt-4o (cancelled)"
COMPLETION = "text_completion gpt-3.5-turbo-instruct"
ROUTED = f"chat Routing (wrapper) > {CHAT}"
Run = Callable[[Any], Any]


class Routing(BaseChatModel):
    """A model that asks another one; it names its messages itself where `named` says so."""

    inner: Any
    named: str = ""

    @property
    def _llm_type(self) -> str:
        return "routing"

    def _said(self, message: Any) -> Any:
        return message.model_copy(update={"id": self.named.format(uuid4())}) if self.named else message

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._said(self.inner.invoke(messages)))])


class AsynchronousRouting(Routing):
    """A model that asks another one without a thread, and streams what it streams."""

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._said(await self.inner.ainvoke(messages)))])

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in self.inner.stream(messages):
            yield ChatGenerationChunk(message=self._said(chunk))

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in self.inner.astream(messages):
            yield ChatGenerationChunk(message=self._said(chunk))


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


WRAPPED_SYNC: dict[str, tuple[Run, int]] = {
    "invoke": (lambda model: model.invoke("q"), 1),
    "batch": (lambda model: model.batch(["q", "r"]), 2),
    "generate": (lambda model: model.generate(PROMPTS), 2),
}
WRAPPED_ASYNC: dict[str, tuple[Run, int]] = {
    "ainvoke": (lambda model: model.ainvoke("q"), 1),
    "abatch": (lambda model: model.abatch(["q", "r"]), 2),
    "agenerate": (lambda model: model.agenerate(PROMPTS), 2),
    "astream": (lambda model: drain(model.astream("q")), 1),
}
NAMES = {"named by langchain": "", "named": "answer-{}", "named like a run": "run--{}-0"}
KINDS = [Routing, AsynchronousRouting]
ROUTES = {f"{kind.__name__} {said}": partial(kind, named=named) for kind in KINDS for said, named in NAMES.items()}


@pytest.mark.parametrize("route", [partial(Routing, named=named) for named in NAMES.values()], ids=NAMES)
@pytest.mark.parametrize(("run", "times"), WRAPPED_SYNC.values(), ids=WRAPPED_SYNC)
def test_a_model_that_asks_another_one(run: Run, times: int, route: Any, app: Any, counted: Any) -> None:
    with counted(*[ROUTED] * times):
        run(route(inner=app.chat))


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
@pytest.mark.parametrize(("run", "times"), WRAPPED_ASYNC.values(), ids=WRAPPED_ASYNC)
async def test_a_model_that_awaits_another_one(run: Run, times: int, route: Any, app: Any, counted: Any) -> None:
    with counted(*[ROUTED.replace("Routing", route.func.__name__)] * times):
        await run(route(inner=app.chat))


def test_a_model_that_streams_another_one(app: Any, counted: Any) -> None:
    with counted(ROUTED.replace("Routing", "AsynchronousRouting")):
        list(AsynchronousRouting(inner=app.chat).stream("q"))


def test_a_model_that_asks_a_chain(app: Any, counted: Any) -> None:
    inner = RunnableLambda(lambda messages: app.chain.invoke({"question": messages[0].content}))
    with counted(*[f"chat Routing (wrapper) > chain RunnableLambda > chain RunnableSequence > {CHAT}"] * 2):
        Routing(inner=inner).generate(PROMPTS)


class Asking(LLM):
    """A completion model that asks a chat model."""

    inner: Any

    @property
    def _llm_type(self) -> str:
        return "asking"

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **_: Any) -> str:
        return str(self.inner.invoke(prompt).content)


ASKED = f"text_completion Asking (wrapper) > {CHAT}"


def test_a_completion_model_that_asks_a_chat_model(app: Any, counted: Any) -> None:
    with counted(ASKED):
        Asking(inner=app.chat).invoke("q")


class Local(BaseChatModel):
    """A model whose messages have the id of another run, though no cache and no other model made them."""

    @property
    def _llm_type(self) -> str:
        return "local"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        usage: Any = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
        return ChatResult(
            generations=[ChatGeneration(message=AIMessage("a", id=f"run-{uuid4()}", usage_metadata=usage))]
        )


@pytest.mark.usefixtures("counted")
def test_a_message_with_an_invented_id_is_no_hit_of_a_cache(exporter: Any) -> None:
    Local().invoke("q")

    (span,) = exporter.get_finished_spans()
    said = [span.attributes.get(key) for key in (semconv.CACHE_HIT, semconv.INPUT_TOKENS, semconv.OUTPUT_TOKENS)]
    assert said == [None, 7, 3]


@pytest.mark.parametrize("failing", [0, 1, 2], ids=["first", "second", "third"])
def test_one_of_three_prompts_fails(failing: int, app: Any, counted: Any) -> None:
    app.provider.fail = [0] * failing + [500]
    with counted(*[CHAT] * failing, FAILED, *[CANCELLED] * (2 - failing)), pytest.raises(Exception, match="500"):
        app.chat.generate([*PROMPTS, PROMPTS[0]])


def test_completions_of_several_requests(app: Any, counted: Any) -> None:
    model = app.completion.model_copy(update={"batch_size": 2})
    with counted(*[COMPLETION] * 5):
        model.generate(list("abcde"))


async def test_completions_awaited_together(app: Any, counted: Any) -> None:
    with counted(*[COMPLETION] * 3):
        await app.completion.agenerate(list("abc"))


def test_completions_of_a_request_that_is_refused(app: Any, counted: Any) -> None:
    app.provider.fail = [400]
    failed = counted(f"{COMPLETION} (BadRequestError)", f"{COMPLETION} (cancelled)")
    with failed, pytest.raises(Exception, match="400"):
        app.completion.generate(["a", "b"])


async def test_completions_awaited_together_of_a_request_that_is_refused(app: Any, counted: Any) -> None:
    app.provider.fail = [400]
    failed = counted(f"{COMPLETION} (BadRequestError)", f"{COMPLETION} (cancelled)")
    with failed, pytest.raises(Exception, match="400"):
        await app.completion.agenerate(["a", "b"])


@pytest.fixture
def _cached() -> Iterator[None]:
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(None)


@pytest.mark.usefixtures("_cached")
def test_a_cache_of_the_whole_process(app: Any, counted: Any) -> None:
    with counted(CHAT, f"{CHAT} (cache hit)", CHAT):
        app.chat.generate([PROMPTS[0]])
        app.chat.generate(PROMPTS)


@pytest.mark.usefixtures("_cached")
def test_a_wrapped_model_answered_from_the_cache(app: Any, counted: Any) -> None:
    routing = Routing(inner=app.chat, cache=False)
    with counted(ROUTED, f"{ROUTED} (cache hit)"):
        routing.invoke("q")
        routing.invoke("q")


@pytest.mark.usefixtures("_cached")
def test_a_completion_answered_from_the_cache_runs_nothing(app: Any, counted: Any) -> None:
    with counted(COMPLETION, COMPLETION):
        app.completion.generate(["a"])
        app.completion.generate(["a"])  # langchain-core tells of it by no callback
        app.completion.generate(["a", "b"])


async def patiently(text: str) -> str:
    """Wait."""
    await asyncio.sleep(5)
    return text


class PatientRetriever(BaseRetriever):
    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return []

    async def _aget_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        await patiently(query)
        return []


GIVEN_UP: dict[str, tuple[Run, str]] = {
    "tool": (lambda _: tool(patiently).ainvoke("q"), "execute_tool patiently (cancelled)"),
    "retriever": (lambda _: PatientRetriever().ainvoke("q"), "retrieval PatientRetriever (cancelled)"),
    "chain": (lambda _: RunnableLambda(patiently).ainvoke("q"), "chain patiently (cancelled)"),
    "model": (lambda app: app.chat.ainvoke("q"), CANCELLED),
    "completion": (lambda app: app.completion.ainvoke("q"), f"{COMPLETION} (cancelled)"),
    "several prompts": (lambda app: app.chat.agenerate([PROMPTS[0]]), CANCELLED),
}


@pytest.mark.parametrize(("wait", "path"), GIVEN_UP.values(), ids=GIVEN_UP)
async def test_work_after_a_timeout_in_the_same_task(wait: Run, path: str, app: Any, counted: Any) -> None:
    with counted(path, CHAT):
        app.provider.hold = True
        with pytest.raises(asyncio.TimeoutError):
            async with asyncio.timeout(0.2):
                await wait(app)
        app.provider.hold = False
        app.provider.released.set()
        await asyncio.sleep(0.1)
        app.provider.fail.clear()
        await app.chat.ainvoke("q")


class AskingRetriever(BaseRetriever):
    """A retriever that asks a model in the task that awaits it."""

    model: Any

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document(str(self.model.invoke(query).content))]

    async def _aget_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document(str((await self.model.ainvoke(text)).content)) for text in (query, "again")]


async def test_a_retriever_that_asks_a_model_is_not_given_up(app: Any, counted: Any) -> None:
    with counted(*[f"retrieval AskingRetriever > {CHAT}"] * 2):
        await AskingRetriever(model=app.chat).ainvoke("q")
