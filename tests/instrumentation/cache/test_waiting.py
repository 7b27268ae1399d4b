"""Steps are taken alike by those who block and by those who await."""

from __future__ import annotations

import asyncio
from typing import Any

from spanmeter.barrier import raise_faults
from spanmeter.cache.waiting import Steps, Wait, finish, finish_async


async def soon(told: str) -> str:
    await asyncio.sleep(0)
    return told


def waits(told: str) -> Wait:
    return Wait(lambda: f"{told} now", lambda: soon(f"{told} soon"))


def steps() -> Steps[list[str]]:
    return [(yield waits("a")), (yield waits("b"))]


async def test_each_step_is_told_what_it_waited_for() -> None:
    assert (finish(steps()), await finish_async(steps())) == (["a now", "b now"], ["a soon", "b soon"])


async def test_a_step_that_fails_brings_nothing() -> None:
    def failing() -> Steps[Any]:
        yield waits("a")
        raise OSError("ours")

    raise_faults(on=False)
    try:
        assert (finish(failing()), await finish_async(failing())) == (None, None)
    finally:
        raise_faults(on=True)
