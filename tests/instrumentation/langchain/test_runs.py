"""Model calls nobody waits for any more end, whatever LangChain leaves untold."""

# ruff: noqa: ARG001, ARG002  the signatures are LangChain's
from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from spanmeter import semconv
from spanmeter.langchain.runs import runs

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


async def test_prompts_awaited_together_are_all_answered(model: ChatOpenAI, provider: Any, instrumented: Any) -> None:
    await model.agenerate([[HumanMessage("a")], [HumanMessage("b")]])

    assert len(instrumented.calls()) == provider.calls == 2
