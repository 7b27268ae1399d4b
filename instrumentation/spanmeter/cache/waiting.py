"""Steps that wait in between: written once, taken by those who block and by those who await."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from spanmeter.barrier import barrier

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Wait:
    """What to wait for before the next step, in either way; the step is given what it brings."""

    now: Callable[[], Any]
    soon: Callable[[], Awaitable[Any]]


Steps = Generator[Wait, Any, R]


def finish(steps: Steps[R]) -> R | None:
    """Take all steps in this thread; None where one of them fails."""
    told = None
    while True:
        wait, found = _next(steps, told) or (None, None)
        if wait is None:
            return found
        told = barrier(wait.now)()


async def finish_async(steps: Steps[R]) -> R | None:
    """The same for those who await."""
    told = None
    while True:
        wait, found = _next(steps, told) or (None, None)
        if wait is None:
            return found
        told = await wait.soon()


@barrier
def _next(steps: Steps[R], told: object) -> tuple[Wait | None, R | None]:
    try:
        return steps.send(told), None
    except StopIteration as end:
        return None, end.value
