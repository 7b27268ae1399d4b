"""Model calls nobody waits for any more end, whatever LangChain leaves untold."""

# ruff: noqa: ARG001, ARG002  the signatures are LangChain's
from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from opentelemetry import trace
from pydantic import SecretStr

from spanmeter import semconv
from spanmeter.call import Call
from spanmeter.langchain.runs import MAX_SILENCE_S, Runs, runs
from spanmeter.opening import Opening

CANCELLED: dict[str, Callable[[ChatOpenAI], Coroutine[Any, Any, Any]]] = {
    "ainvoke": lambda model: model.ainvoke("a"),
    "agenerate": lambda model: model.agenerate([[HumanMessage("a")], [HumanMessage("b")]]),
    "chain": lambda model: (RunnableLambda(str) | model).ainvoke("a"),
}


@pytest.fixture
def model(provider: Any) -> ChatOpenAI:
    return ChatOpenAI(model="gpt-5", base_url=f"{provider.url}/v1", api_key=SecretStr("none"), max_retries=0)


@pytest.fixture
def waiting(provider: Any) -> Iterator[None]:
    """A provider that does not answer."""
    provider.wait = threading.Event()
    yield
    provider.wait.set()


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("way", CANCELLED)
async def test_a_cancelled_task_ends_the_model_calls_it_awaited(way: str, model: ChatOpenAI, instrumented: Any) -> None:
    task = asyncio.create_task(CANCELLED[way](model))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)

    outcomes = {span.attributes.get(semconv.OUTCOME) for span in instrumented.named("chat gpt-5")}
    assert (outcomes, runs._open, runs._awaited) == ({"cancelled"}, {}, {})


@tool
async def patient(text: str) -> None:
    """Wait."""
    await asyncio.sleep(5)


class PatientRetriever(BaseRetriever):
    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return []

    async def _aget_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        await asyncio.sleep(5)
        return []


@pytest.mark.parametrize("runnable", [patient, PatientRetriever()], ids=["tool", "retriever"])
async def test_a_cancelled_task_ends_the_tool_or_retrieval_it_awaited(
    runnable: Runnable[Any, Any], instrumented: Any
) -> None:
    task = asyncio.create_task(runnable.ainvoke("a"))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)

    (span,) = instrumented.finished
    assert span.attributes[semconv.OUTCOME] == "cancelled"


class ShelfRetriever(BaseRetriever):
    below: BaseRetriever | None = None

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [found for _ in range(2) for found in self.below.invoke(query)] if self.below else []


@tool
def looking_up(text: str) -> str:
    """Ask a retriever twice."""
    return str(ShelfRetriever(below=ShelfRetriever()).invoke(text))


async def test_what_runs_synchronously_in_a_task_waits_for_all_below_it(instrumented: Any) -> None:
    looking_up.invoke("a")

    assert instrumented.traces() == 1
    assert [span.attributes.get(semconv.OUTCOME) for span in instrumented.finished] == [None] * 4
    paths = [instrumented.path(span) for span in instrumented.finished]
    tool_path = ["execute_tool looking_up"]
    outer = ["retrieval ShelfRetriever", *tool_path]
    assert paths == [["retrieval ShelfRetriever", *outer]] * 2 + [outer, tool_path]


@pytest.mark.usefixtures("waiting")
async def test_a_model_call_that_timed_out_ends_when_its_task_goes_on(
    model: ChatOpenAI, provider: Any, instrumented: Any
) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await model.ainvoke("a")
    provider.wait.set()
    await model.model_copy(update={"model_name": "gpt-5-mini"}).ainvoke("b")

    assert instrumented.one("chat gpt-5").attributes[semconv.OUTCOME] == "cancelled"
    assert instrumented.path_of("chat gpt-5-mini") == ["chat gpt-5-mini"]


WAITING: dict[str, Callable[[Any], Coroutine[Any, Any, Any]]] = {
    "tool": lambda _: patient.ainvoke("a"),
    "retriever": lambda _: PatientRetriever().ainvoke("a"),
    "model": lambda model: model.ainvoke("a"),
    "several prompts": lambda model: model.agenerate([[HumanMessage("a")], [HumanMessage("b")]]),
    "chain": lambda model: (RunnableLambda(str) | model).ainvoke("a"),
}


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("wait", WAITING.values(), ids=WAITING)
async def test_nothing_is_left_current_after_a_timeout(
    wait: Callable[[Any], Coroutine[Any, Any, Any]], model: ChatOpenAI, provider: Any, instrumented: Any
) -> None:
    async def seen() -> Any:
        return trace.get_current_span().get_span_context()

    async def waited() -> list[Any]:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await wait(model)
        return [await seen(), await asyncio.create_task(seen()), await asyncio.to_thread(asyncio.run, seen())]

    with instrumented.tracer_provider.get_tracer("application").start_as_current_span("request") as request:
        assert await asyncio.create_task(waited()) == [request.get_span_context()] * 3
    provider.wait.set()


async def test_prompts_awaited_together_are_all_answered(model: ChatOpenAI, provider: Any, instrumented: Any) -> None:
    await model.agenerate([[HumanMessage("a")], [HumanMessage("b")]])

    assert len(instrumented.calls()) == provider.calls == 2


def start(open_runs: Runs, *, parent: UUID | None = None, operation: str = "chain") -> UUID:
    run_id = uuid4()
    open_runs.start(Opening(operation, operation, "langchain"), run_id=run_id, parent_run_id=parent)
    return run_id


def outcomes(spans: Any) -> list[tuple[str, str | None]]:
    return [(span.name, span.attributes.get(semconv.OUTCOME)) for span in spans.finished]


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def open_runs(clock: list[float], instrumented: Any) -> Iterator[Runs]:
    kept = Runs(clock=lambda: clock[0], max_open=5)
    yield kept
    kept.cancel_all()


def test_what_nothing_is_seen_of_for_an_hour_ends_as_cancelled(
    open_runs: Runs, clock: list[float], instrumented: Any
) -> None:
    start(open_runs, operation="chat")
    clock[0] = MAX_SILENCE_S / 2
    recent = start(open_runs)
    clock[0] = MAX_SILENCE_S + 1
    latest = start(open_runs)

    assert outcomes(instrumented) == [("chat", "cancelled")]
    assert list(open_runs._open) == [recent, latest]


def test_what_has_open_children_waits_for_them(open_runs: Runs, clock: list[float], instrumented: Any) -> None:
    root = start(open_runs)
    for _ in range(4):
        clock[0] += MAX_SILENCE_S * 0.9
        child = start(open_runs, parent=root, operation="chat")
        assert outcomes(instrumented) == []
        open_runs.cancel(child)
        instrumented.exporter.clear()

    clock[0] += MAX_SILENCE_S * 0.9
    start(open_runs)
    assert root in open_runs._open
    clock[0] += MAX_SILENCE_S * 0.9
    start(open_runs)
    assert root not in open_runs._open


def test_beyond_the_bound_the_oldest_without_children_ends_as_cancelled(open_runs: Runs, instrumented: Any) -> None:
    root = start(open_runs)
    for _ in range(20):
        start(open_runs, parent=root, operation="chat")

    assert (len(open_runs._open), root in open_runs._open) == (5, True)
    assert outcomes(instrumented) == [("chat", "cancelled")] * 16


def objects() -> int:
    gc.collect()
    return sum(isinstance(thing, Call) for thing in gc.get_objects())


def test_many_runs_leave_nothing_behind(instrumented: Any) -> None:
    step = RunnableLambda(str, name="step")
    open_runs = len(runs._open)
    step.batch(list(range(50)))
    before = objects()
    for _ in range(20):
        step.batch(list(range(50)))

    assert (len(runs._open), runs._awaited, runs._batches) == (open_runs, {}, {})
    assert objects() <= before + 1


async def test_many_runs_awaited_in_one_task_leave_nothing_behind(instrumented: Any) -> None:
    step = RunnableLambda(str, name="step")
    await step.ainvoke(1)
    before = objects()
    for number in range(500):
        await step.ainvoke(number)

    assert (runs._open, runs._awaited, runs._batches) == ({}, {}, {})
    assert objects() <= before + 1
