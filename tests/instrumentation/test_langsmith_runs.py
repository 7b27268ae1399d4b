"""`@traceable` functions and `trace` blocks are measured, in one trace with what they call, whatever LangSmith does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import langsmith
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langsmith import run_helpers, traceable

import spanmeter
from spanmeter import langsmith_runs, semconv

MODEL = FakeListChatModel(responses=["Hello"])


@traceable(run_type="tool")
def tool(text: str) -> str:
    return text


def _after(message: AIMessage) -> str:
    return tool(str(message.content))


@traceable
def step(text: str) -> str:
    chain = MODEL | RunnableLambda(_after).with_config(run_name="after")
    return str(chain.invoke(text))


@traceable(name="request")
def ask(text: str) -> str:
    return step(text)


@traceable(name="request")
async def ask_later(text: str) -> str:
    await MODEL.ainvoke(text)
    return tool(text)


@traceable(name="request")
def steps(text: str) -> Generator[str]:
    yield str(MODEL.invoke(text).content)
    yield tool(text)


@traceable(name="request")
async def steps_later(text: str) -> AsyncIterator[str]:
    yield str((await MODEL.ainvoke(text)).content)
    yield tool(text)


@traceable(name="request")
def in_threads(text: str) -> list[str]:
    with ThreadPoolExecutor(2) as pool:
        return [asked.result() for asked in [pool.submit(copy_context().run, tool, text) for _ in range(2)]]


def in_a_block(text: str) -> None:
    with langsmith.trace("request"):
        MODEL.invoke(text)
        tool(text)


async def in_a_block_later(text: str) -> None:
    async with langsmith.trace("request"):
        await MODEL.ainvoke(text)
        tool(text)


async def _consumed(items: AsyncIterator[str]) -> list[str]:
    return [item async for item in items]


WAYS: dict[str, Any] = {
    "asynchronous": lambda: asyncio.run(ask_later("a")),
    "generator": lambda: list(steps("a")),
    "asynchronous generator": lambda: asyncio.run(_consumed(steps_later("a"))),
    "block": lambda: in_a_block("a"),
    "asynchronous block": lambda: asyncio.run(in_a_block_later("a")),
}


def test_a_function_encloses_what_it_calls_through_chains_down_to_other_functions(instrumented: Any) -> None:
    assert ask("a") == "Hello"
    assert instrumented.path_of("tool") == ["tool", "chain after", "chain RunnableSequence", "step", "request"]
    assert instrumented.path_of("chat FakeListChatModel")[1:] == ["chain RunnableSequence", "step", "request"]
    assert dict(instrumented.one("request").attributes) == {"spanmeter.operation": "track"}
    assert instrumented.traces() == 1


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_kind_of_function_and_block_encloses_what_it_calls(way: Any, instrumented: Any) -> None:
    way()

    assert instrumented.path_of("tool") == ["tool", "request"]
    assert instrumented.path_of("chat FakeListChatModel") == ["chat FakeListChatModel", "request"]
    assert instrumented.traces() == 1


def test_threads_that_copy_the_context_stay_below_the_function(instrumented: Any) -> None:
    assert in_threads("a") == ["a", "a"]
    assert [instrumented.path(span) for span in instrumented.named("tool")] == [["tool", "request"]] * 2


def test_a_function_that_fails_is_a_failed_span_and_its_error_reaches_the_caller(instrumented: Any) -> None:
    @traceable
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    with pytest.raises(ValueError, match="no"), langsmith.trace("block"):
        raise ValueError("no")

    assert [span.attributes[semconv.ERROR_TYPE] for span in instrumented.finished] == ["ValueError"] * 2


def test_an_error_that_the_application_expects_is_no_failure_as_it_is_none_to_langsmith(instrumented: Any) -> None:
    @traceable(exceptions_to_handle=(KeyError,))
    def skip() -> None:
        raise KeyError("skipped")

    with contextlib.suppress(KeyError):
        skip()

    assert instrumented.one("skip").status.is_unset


async def test_a_function_that_is_cancelled_ends_as_cancelled(instrumented: Any) -> None:
    begun = asyncio.Event()

    @traceable
    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await begun.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert instrumented.one("wait").attributes[semconv.OUTCOME] == "cancelled"


def test_a_generator_that_is_dropped_ends_as_cancelled(instrumented: Any) -> None:
    items = steps("a")
    next(items)
    items.close()

    assert instrumented.one("request").attributes[semconv.OUTCOME] == "cancelled"


def test_a_function_that_is_never_to_be_traced_leaves_the_one_around_it_open(instrumented: Any) -> None:
    @traceable(enabled=False)
    def secret() -> None:
        pass

    @traceable
    def outer() -> None:
        secret()
        tool("a")

    outer()

    assert [span.name for span in instrumented.finished] == ["tool", "outer"]
    assert instrumented.path_of("tool") == ["tool", "outer"]


def test_a_call_may_have_a_name_of_its_own(instrumented: Any) -> None:
    tool("a", langsmith_extra={"name": "look up"})

    assert [span.name for span in instrumented.finished] == ["look up"]


def test_functions_are_in_the_summary(instrumented: Any) -> None:  # noqa: ARG001  functions are measured while it is on
    spanmeter.summary(reset=True)
    ask("a")

    counts = {row.name: (row.operation, row.count) for row in spanmeter.summary()}
    assert counts["request"] == counts["step"] == counts["tool"] == ("track", 1)


def test_uninstrumented_functions_run_as_langsmith_made_them_and_what_is_open_is_cancelled(instrumented: Any) -> None:
    before = (run_helpers._setup_run, run_helpers.trace.__enter__)
    items = steps("a")
    next(items)
    spanmeter.uninstrument()
    after = (run_helpers._setup_run, run_helpers.trace.__enter__)
    ask("a")

    assert all(now is not then for now, then in zip(after, before, strict=True))
    assert {span.name for span in instrumented.finished} == {"chat FakeListChatModel", "request"}
    assert list(items) == ["a"]


def test_an_unknown_langsmith_is_left_alone_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(run_helpers, "_container_end")
    setup = run_helpers._setup_run
    with caplog.at_level(logging.WARNING, logger="spanmeter"):
        langsmith_runs.install()
        langsmith_runs.remove()

    assert run_helpers._setup_run is setup
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith(
        "this version of langsmith is not known; its @traceable functions have no spans of their own"
    )
    assert said.endswith("_container_end not found")
