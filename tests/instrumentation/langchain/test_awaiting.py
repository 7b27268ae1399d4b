"""A task is inside of a run for as long as the code that holds the run's manager waits in it."""

# ruff: noqa: ARG001  what is read are the names of the arguments

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from spanmeter.langchain.awaiting import awaits

RUN, OTHER = uuid4(), uuid4()
MANAGER = SimpleNamespace(run_id=RUN)
Wait = Callable[[asyncio.Event], Coroutine[Any, Any, Any]]


async def retrieve(release: asyncio.Event, run_manager: Any = MANAGER) -> None:
    await release.wait()


async def agenerate(release: asyncio.Event, run_managers: Any = (MANAGER,)) -> None:
    run_managers = run_managers and list(run_managers)
    await asyncio.gather(*[wait(release) for _ in range(2) if run_managers is not MANAGER])


async def on_llm_start(release: asyncio.Event) -> None:
    await release.wait()


async def wait(release: asyncio.Event) -> None:
    await release.wait()


async def generated(release: asyncio.Event) -> None:
    async def steps() -> AsyncIterator[None]:
        await retrieve(release)
        yield

    async for _ in steps():
        pass


SUSPENDED: dict[str, tuple[Wait, bool]] = {
    "its manager": (retrieve, True),
    "another's manager": (lambda release: retrieve(release, SimpleNamespace(run_id=OTHER)), False),
    "the managers of several": (agenerate, True),
    "no managers yet": (lambda release: agenerate(release, None), True),
    "its start": (on_llm_start, True),
    "something else": (wait, False),
    "an asynchronous generator": (generated, True),
}


@pytest.mark.parametrize(("asked", "inside"), SUSPENDED.values(), ids=SUSPENDED)
async def test_a_task_that_waits_is_known_by_what_it_waits_in(asked: Wait, inside: bool) -> None:  # noqa: FBT001
    release = asyncio.Event()
    task = asyncio.create_task(asked(release))
    await asyncio.sleep(0)

    assert (awaits(task, RUN), await asyncio.to_thread(awaits, task, RUN)) == (inside, inside)
    release.set()
    await task
    assert not awaits(task, RUN)


async def test_a_task_that_runs_is_known_by_its_stack() -> None:
    def ask(run_manager: Any) -> bool:
        return awaits(task, RUN)

    async def asked() -> list[bool]:
        return [ask(MANAGER), ask(None), awaits(task, RUN)]

    task = asyncio.create_task(asked())
    assert await task == [True, False, False]
