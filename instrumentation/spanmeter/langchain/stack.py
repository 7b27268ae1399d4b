"""What the running code is inside of, as the interpreter's own frames tell where LangChain's context does not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any, Final
from uuid import UUID

_FRAMES_TO_MODEL: Final = 12
_FRAMES_TO_TOOL: Final = 12
_OF_MODELS: Final = {"_generate", "_agenerate", "_generate_with_cache", "_agenerate_with_cache", "_call", "_acall"}
_OF_RETRIEVERS: Final = {"invoke", "ainvoke"}
_OF_TOOLS: Final = {"run", "arun"}
_INSIDE: Final = _OF_MODELS | _OF_RETRIEVERS | _OF_TOOLS
"""Functions of LangChain, and of models written for it, that hold the manager of the run they work for."""


def is_generating() -> bool:
    """Tell `ainvoke`, whose model runs in tasks of its own while this one waits, from streams that run in this one."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    for _ in range(_FRAMES_TO_MODEL):
        if frame is None:
            return False
        if frame.f_code.co_name == "agenerate":
            return True
        frame = frame.f_back
    return False


def gatherer(task: object) -> asyncio.Task[Any] | None:
    """Return who gathers `task`: LangChain tells the start of a completion model in a task made for that alone."""
    if not isinstance(task, asyncio.Task):
        return None
    waiting = (other for other in asyncio.all_tasks() if task in _awaited_by(other))
    return next(waiting, None)


def _awaited_by(task: asyncio.Task[Any]) -> Sequence[object]:
    return getattr(getattr(task, "_fut_waiter", None), "_children", ())


def asking() -> UUID | None:
    """Return the model whose client is reading an answer, be it of a stream; None in a thread of the client's own."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    for _ in range(_FRAMES_TO_MODEL):
        if frame is None:
            return None
        if "run_manager" in frame.f_code.co_varnames:
            run_id = getattr(frame.f_locals.get("run_manager"), "run_id", None)
            if isinstance(run_id, UUID):
                return run_id
        frame = frame.f_back
    return None


def running() -> Iterator[UUID]:
    """Yield the models, retrievers and tools whose code is on the stack, the innermost first."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        if frame.f_code.co_name in _INSIDE:
            run_id = getattr(frame.f_locals.get("run_manager"), "run_id", None)
            if isinstance(run_id, UUID):
                yield run_id
        frame = frame.f_back


def tool_call_id() -> str:
    """Return the id of the tool call whose start is being told, which langchain-core tells only from 1.0 on."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    for _ in range(_FRAMES_TO_TOOL):
        if frame is None:
            break
        if frame.f_code.co_name in {"run", "arun"} and "tool_call_id" in frame.f_locals:
            return str(frame.f_locals["tool_call_id"] or "")
        frame = frame.f_back
    return ""


def answers_before(error: BaseException) -> Sequence[Any]:
    """Return what the prompts before the failing one of a `generate` were answered, which LangChain throws away."""
    frame = error.__traceback__.tb_frame if error.__traceback__ else None
    if frame is None or frame.f_code.co_name != "generate":
        return ()
    results = frame.f_locals.get("results")
    return list(results) if isinstance(results, list) else ()
