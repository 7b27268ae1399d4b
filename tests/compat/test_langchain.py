"""Every way to ask a LangChain model, tool, retriever or chain, counted as the provider counts it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_core.tools import tool
from langchain_core.vectorstores import InMemoryVectorStore
from pydantic import BaseModel
from tests.compat.scenario import of_tasks, of_threads

from spanmeter import semconv

Q = {"question": "q"}
PROMPTS: list[Any] = [[HumanMessage("a")], [HumanMessage("b")]]
CHAT = "chat gpt-4o"
COMPLETION = "text_completion gpt-3.5-turbo-instruct"
CHAIN = "chain RunnableSequence > chat gpt-4o"
EMBEDDING = "embeddings text-embedding-3-small"
Run = Callable[[Any], Any]


class City(BaseModel):
    """A city."""

    name: str


def retrieving(app: Any) -> Any:
    store = InMemoryVectorStore(app.embeddings)
    store.add_texts(["one"])
    context: Any = RunnableLambda(lambda _: "q") | store.as_retriever()
    question = RunnablePassthrough.assign(context=context)
    return question | ChatPromptTemplate.from_messages([("human", "{question} {context}")]) | app.chat


def asking_tool(app: Any) -> Any:
    @tool
    async def asynchronous(text: str) -> str:
        """Search."""
        return str((await app.chat.ainvoke(text)).content)

    @tool
    def search(text: str) -> str:
        """Search."""
        return str(app.chat.invoke(text).content)

    search.coroutine = asynchronous.coroutine  # type: ignore[attr-defined]
    return search


def close_early(app: Any) -> None:
    stream = app.chain.stream(Q)
    next(stream)
    stream.close()


def drop_early(app: Any) -> None:
    next(app.chain.stream(Q))


async def close_early_too(app: Any) -> None:
    stream = app.chain.astream(Q)
    await anext(stream)
    await stream.aclose()
    await asyncio.sleep(0.05)  # the loop closes the generators inside


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


async def one_after_the_other(app: Any) -> None:
    await app.chain.ainvoke(Q)
    await app.chain.ainvoke(Q)


def twice_from_the_cache(app: Any) -> None:
    cached = app.langchain_model(cache=InMemoryCache())
    cached.invoke("q")
    cached.invoke("q")


async def twice_from_the_cache_too(app: Any) -> None:
    cached = app.langchain_model(cache=InMemoryCache())
    await cached.ainvoke("q")
    await cached.ainvoke("q")


ASSIGNED = "chain RunnableSequence > chain RunnableAssign<context> > chain RunnableParallel<context>"
RETRIEVED = [
    EMBEDDING,
    f"{ASSIGNED} > chain RunnableSequence > retrieval VectorStoreRetriever > {EMBEDDING}",
    CHAIN,
]

SYNC: dict[str, tuple[Run, list[str]]] = {
    "invoke": (lambda app: app.chain.invoke(Q), [CHAIN]),
    "stream": (lambda app: list(app.chain.stream(Q)), [CHAIN]),
    "batch": (lambda app: app.chain.batch([Q, Q, Q]), [CHAIN] * 3),
    "generate": (lambda app: app.chat.generate(PROMPTS), [CHAT] * 2),
    "tool": (lambda app: asking_tool(app).invoke({"text": "q"}), [f"execute_tool search > {CHAT}"]),
    "retriever": (lambda app: retrieving(app).invoke(Q), RETRIEVED),
    "structured output": (lambda app: app.chat.with_structured_output(City).invoke("q"), [CHAIN]),
    "completion's generate": (lambda app: app.completion.generate(["q"]), [COMPLETION]),
    "several choices": (lambda app: app.langchain_model(n=2).generate([PROMPTS[0]]), [CHAT]),
    "cache": (twice_from_the_cache, [CHAT, f"{CHAT} (cache hit)"]),
    "completion": (lambda app: app.completion.invoke("q"), [COMPLETION]),
}
ASYNC: dict[str, tuple[Run, list[str]]] = {
    "ainvoke": (lambda app: app.chain.ainvoke(Q), [CHAIN]),
    "astream": (lambda app: drain(app.chain.astream(Q)), [CHAIN]),
    "astream_events": (lambda app: drain(app.chain.astream_events(Q, version="v2")), [CHAIN]),
    "abatch": (lambda app: app.chain.abatch([Q, Q, Q]), [CHAIN] * 3),
    "agenerate": (lambda app: app.chat.agenerate(PROMPTS), [CHAT] * 2),
    "two in a row": (one_after_the_other, [CHAIN] * 2),
    "tool": (lambda app: asking_tool(app).ainvoke({"text": "q"}), [f"execute_tool search > {CHAT}"]),
    "retriever": (lambda app: retrieving(app).ainvoke(Q), RETRIEVED),
    "structured output": (lambda app: app.chat.with_structured_output(City).ainvoke("q"), [CHAIN]),
    "cache": (twice_from_the_cache_too, [CHAT, f"{CHAT} (cache hit)"]),
    "completion": (lambda app: app.completion.ainvoke("q"), [COMPLETION]),
    "several choices": (lambda app: app.langchain_model(n=2).agenerate([PROMPTS[0]]), [CHAT]),
}


test_what_a_thread_runs = of_threads(SYNC)
test_what_a_task_runs = of_tasks(ASYNC)


# Dropping a stream is what is tested: its client leaves the socket to the garbage collector, which `counted` runs.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize("leave", [close_early, drop_early], ids=["closed", "dropped"])
def test_a_stream_left_early(leave: Run, app: Any, counted: Any) -> None:
    with counted("chain RunnableSequence > chat gpt-4o (cancelled)", abandoned=1):
        leave(app)


async def test_an_asynchronous_stream_left_early(app: Any, counted: Any) -> None:
    with counted("chain RunnableSequence (cancelled) > chat gpt-4o (cancelled)", abandoned=1):
        await close_early_too(app)


async def test_a_cancelled_model(app: Any, counted: Any) -> None:
    with counted("chat gpt-4o (cancelled)"):
        await app.cancel(app.chat.ainvoke("q"))


async def test_a_cancelled_chain(app: Any, counted: Any) -> None:
    with counted("chain RunnableSequence (cancelled) > chat gpt-4o (cancelled)"):
        await app.cancel(app.chain.ainvoke(Q))


def test_a_refused_request(app: Any, counted: Any) -> None:
    app.provider.fail = [400]
    failed = counted("chain RunnableSequence (BadRequestError) > chat gpt-4o (BadRequestError)")
    with failed, pytest.raises(Exception, match="400"):
        app.chain.invoke(Q)


def test_a_request_the_client_repeats(app: Any, counted: Any) -> None:
    app.provider.fail = [429]
    with counted(CHAT):
        app.langchain_model(max_retries=2).invoke("q")


async def test_a_request_the_asynchronous_client_repeats(app: Any, counted: Any) -> None:
    app.provider.fail = [429]
    with counted(CHAT):
        await app.langchain_model(max_retries=2).ainvoke("q")


async def test_a_run_that_is_retried_in_a_task(app: Any, counted: Any) -> None:
    app.provider.fail = [500]
    with counted(f"chain ChatOpenAI > {CHAT} (InternalServerError)", f"chain ChatOpenAI > {CHAT}"):
        await app.chat.with_retry(stop_after_attempt=2, wait_exponential_jitter=False).ainvoke("q")


def test_a_run_that_is_retried(app: Any, counted: Any) -> None:
    app.provider.fail = [500]
    with counted(f"chain ChatOpenAI > {CHAT} (InternalServerError)", f"chain ChatOpenAI > {CHAT}"):
        app.chat.with_retry(stop_after_attempt=2, wait_exponential_jitter=False).invoke("q")


def test_a_model_that_stands_in_for_another_one(app: Any, counted: Any) -> None:
    app.provider.fail = [500]
    fallbacks = "chain RunnableWithFallbacks"
    with counted(f"{fallbacks} > {CHAT} (InternalServerError)", f"{fallbacks} > chat gpt-4o-mini"):
        app.chat.with_fallbacks([app.other]).invoke("q")


async def test_a_model_that_stands_in(app: Any, counted: Any) -> None:
    app.provider.fail = [500]
    fallbacks = "chain RunnableWithFallbacks"
    with counted(f"{fallbacks} > {CHAT} (InternalServerError)", f"{fallbacks} > chat gpt-4o-mini"):
        await app.chat.with_fallbacks([app.other]).ainvoke("q")


FAILED = "chat gpt-4o (InternalServerError)"
CANCELLED = "chat gpt-4o (cancelled)"


def test_the_first_of_two_prompts_fails(app: Any, counted: Any) -> None:
    app.provider.fail = [500]
    with counted(FAILED, CANCELLED), pytest.raises(Exception, match="500"):
        app.chat.generate(PROMPTS)


async def test_the_first_of_two_prompts_fails_in_a_task(app: Any, counted: Any) -> None:
    app.provider.fail = [500]
    with counted(FAILED, CANCELLED), pytest.raises(Exception, match="500"):
        app.chat.generate(PROMPTS)


async def test_one_of_two_prompts_fails(app: Any, counted: Any) -> None:
    app.provider.fail = [500]
    with counted(FAILED, CHAT), pytest.raises(Exception, match="500"):
        await app.chat.agenerate(PROMPTS)


CALLED = {"type": "tool_call", "id": "call_7", "name": "search", "args": {"text": "q"}}


def tool_calls(exporter: Any) -> list[str]:
    ids = [span.attributes.get(semconv.TOOL_CALL_ID) for span in exporter.get_finished_spans()]
    return [given for given in ids if given]


def test_the_id_of_a_tool_call(app: Any, counted: Any, exporter: Any) -> None:
    with counted(f"execute_tool search > {CHAT}"):
        asking_tool(app).invoke(CALLED)
    assert tool_calls(exporter) == ["call_7"]


def test_completions_of_one_request(app: Any, counted: Any) -> None:
    with counted(COMPLETION, COMPLETION):
        app.completion.generate(["a", "b"])


def test_the_id_of_a_tool_call_that_fails(app: Any, counted: Any, exporter: Any) -> None:
    app.provider.fail = [400]
    failed = counted("execute_tool search (BadRequestError) > chat gpt-4o (BadRequestError)")
    with failed, pytest.raises(Exception, match="400"):
        asking_tool(app).invoke(CALLED)
    assert tool_calls(exporter) == ["call_7"]
