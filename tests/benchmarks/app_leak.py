"""Many calls, answered, failed, cancelled and dropped in the middle, and what the process still holds afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from app_workloads import PROMPT, chat_model, langchain_rag, language_model, llama_index_query

HELD: Final = {
    "spanmeter.langchain.runs": ("runs._open", "runs._awaited"),
    "spanmeter.llama_index.open_spans": ("spans._open", "spans.models._open"),
}
"""Where Spanmeter keeps what is open."""

Step = tuple[Callable[[], object], int]


class _Refused(Exception):  # noqa: N818  what a provider says, not a fault
    """A model that answers with an error."""


def leak(calls: int, *, flush: Callable[[], object]) -> dict[str, Any]:
    """Make the calls in ten rounds; memory is taken after the first and after the last."""
    loop = asyncio.new_event_loop()
    steps = _steps(loop)
    rounds = []
    for _ in range(10):
        _run(steps, calls=calls // 10)
        flush()
        gc.collect()
        rounds.append({"rss_mb": _rss_mb(), "blocks": sys.getallocatedblocks()})
    loop.close()
    return {"calls": calls // 10 * 10, "rounds": rounds, "held": _held()}


def _run(steps: list[Step], *, calls: int) -> None:
    made = 0
    while made < calls:
        for step, counts in steps:
            step()
            made += counts


def _steps(loop: asyncio.AbstractEventLoop) -> list[Step]:
    chat, completion = chat_model(), language_model()
    return [
        (lambda: chat.invoke(PROMPT), 1),
        (lambda: loop.run_until_complete(chat.ainvoke(PROMPT)), 1),
        (lambda: _failed(chat), 1),
        (lambda: loop.run_until_complete(_cancelled(chat)), 1),
        (lambda: next(chat.stream(PROMPT)), 1),
        (lambda: next(completion.stream_complete(PROMPT)), 1),
        (lambda: completion.stream_complete(PROMPT), 1),
        (lambda: completion.complete(PROMPT), 1),
        (langchain_rag(), 1),
        (llama_index_query(), 2),
    ]


def _failed(chat: Any) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise _Refused

    model = chat.model_copy()
    object.__setattr__(model, "_generate", refuse)
    with contextlib.suppress(_Refused):
        model.invoke(PROMPT)


async def _cancelled(chat: Any) -> None:
    async def wait(*_: object, **__: object) -> None:
        await asyncio.sleep(60)

    model = chat.model_copy()
    object.__setattr__(model, "_agenerate", wait)
    task = asyncio.ensure_future(model.ainvoke(PROMPT))
    for _ in range(4):
        await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _rss_mb() -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _held() -> dict[str, int]:
    held = {}
    for name, paths in HELD.items():
        if name not in sys.modules:
            continue
        for path in paths:
            value: Any = importlib.import_module(name)
            for part in path.split("."):
                value = getattr(value, part)
            held[path] = len(value)
    return held
