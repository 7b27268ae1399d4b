"""Whether a task still waits for a run: LangChain tells nobody when a timeout takes the task out of one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any, Final
from uuid import UUID

_STARTS: Final = frozenset({"on_chat_model_start", "on_llm_start", "on_retriever_start", "on_tool_start"})
"""Functions of LangChain's that tell the start, before the one that calls them holds the run's manager."""
_MANAGERS: Final = ("run_manager", "run_managers")
_ENDS: Final = frozenset({"FutureIter", "NoneType"})
"""What the innermost coroutine awaits: a future of asyncio's, or nothing yet."""


def awaits(task: asyncio.Task[Any], run_id: UUID) -> bool:
    """Tell whether a task is inside of the run it started; also where that cannot be seen, unless it is done."""
    if task.done():
        return False
    frames = _running() if _is_running(task) else _suspended(task.get_coro())
    return any(frame is None or _works_for(frame, run_id) for frame in frames)


def _is_running(task: asyncio.Task[Any]) -> bool:
    loop = asyncio._get_running_loop()  # noqa: SLF001  the public one raises outside a loop
    return loop is not None and asyncio.current_task(loop) is task


def _running() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        yield frame
        frame = frame.f_back


def _suspended(awaited: object) -> Iterator[FrameType | None]:
    """Yield the frames of a coroutine and of what it awaits, and None where they cannot be followed any further."""
    while type(awaited).__name__ not in _ENDS:
        frame, running, awaited = _step(awaited)
        yield frame
        if running or frame is None:
            yield None
            return


def _step(awaited: object) -> tuple[FrameType | None, bool, object]:
    if isinstance(awaited, CoroutineType):
        return awaited.cr_frame, awaited.cr_running, awaited.cr_await
    if isinstance(awaited, GeneratorType):
        return awaited.gi_frame, awaited.gi_running, awaited.gi_yieldfrom
    if isinstance(awaited, AsyncGeneratorType):
        return awaited.ag_frame, awaited.ag_running, awaited.ag_await
    return None, False, None


def _works_for(frame: FrameType, run_id: UUID) -> bool:
    code = frame.f_code
    if code.co_name in _STARTS:
        return True
    name = next((name for name in _MANAGERS if name in code.co_varnames or name in code.co_cellvars), "")
    if not name:
        return False
    held = frame.f_locals.get(name)
    managers = held if isinstance(held, list) else [held]
    # Several prompts are told together: whose managers are not there yet is still at it.
    return (held is None and name == "run_managers") or any(getattr(one, "run_id", None) == run_id for one in managers)
