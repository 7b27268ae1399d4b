"""LangChain's open runs by their ids."""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final
from uuid import UUID

from langchain_core.runnables.config import var_child_runnable_config

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.call import Call
from spanmeter.current import is_suppressed
from spanmeter.opening import Opening
from spanmeter.process import calls

MAX_OPEN_RUNS: Final = 10_000
_FRAMES_TO_MODEL: Final = 12
_UNTOLD: Final = frozenset({"execute_tool", "retrieval"})
"""Operations whose cancellation LangChain does not tell, besides a model's."""


Flow = asyncio.Task[Any] | int | None
"""What a run was started by: a task, or the number of a thread that runs none."""


@dataclass(slots=True, eq=False)
class Run:
    """An open run; one that is hidden has no call, and what starts below it goes under its parent."""

    call: Call | None
    parent: Run | None
    flow: Flow
    children: dict[UUID, Run] = field(default_factory=dict)

    def nearest_call(self) -> Call | None:
        """Return the call that stands for this run as a parent."""
        run: Run | None = self
        while run is not None and run.call is None:
            run = run.parent
        return run.call if run else None


class Runs:
    """Opens and ends the calls of LangChain's runs; bounded: the oldest open run gives way, ended as cancelled."""

    def __init__(self) -> None:
        self._open: dict[UUID, Run] = {}
        self._awaited: dict[Flow, set[UUID]] = {}

    def start(self, opening: Opening, *, run_id: UUID, parent_run_id: UUID | None) -> Call | None:
        """Open a call for a run whose parent may be unknown here; None when suppressed or when another handler did."""
        if run_id in self._open or is_suppressed():
            return None
        flow = _flow()
        task = flow if isinstance(flow, asyncio.Task) else None
        awaited = task is not None and _is_awaited(opening)
        if task and not (awaited and opening.claims_children):  # prompts of one `agenerate` are awaited together
            self._cancel_timed_out(task)
        parent = self._parent(parent_run_id)
        call = calls().start(opening, parent=parent.nearest_call() if parent else None, skip_claiming=True)
        self._add(run_id, Run(call, parent, flow))
        if task and awaited:
            self._await(run_id, task)
        return call

    def hide(self, *, run_id: UUID, parent_run_id: UUID | None) -> None:
        """Keep a run without a call, so that what starts below it finds its parent."""
        self._add(run_id, Run(None, self._parent(parent_run_id), _flow()))

    def call(self, run_id: UUID | None) -> Call | None:
        """Return the call that stands for an open run, None when the run is unknown or ended."""
        run = self._open.get(run_id) if run_id else None
        return run.nearest_call() if run else None

    def end(self, run_id: UUID, *, cancelled: bool = False) -> Call | None:
        """Forget a run and return its call for the caller to end; children nobody can end any more are cancelled.

        A cancelled `ainvoke` never ends its model's run. A child that still runs in a task or thread of its own is
        left to end by itself, unless the parent itself was cancelled.
        """
        run = self._open.pop(run_id, None)
        if run is None:
            return None
        if isinstance(run.flow, asyncio.Task):
            self._answered(run_id, run.flow)
        if run.parent is not None:
            run.parent.children.pop(run_id, None)
        for child_id, child in list(run.children.items()):
            if cancelled or _is_abandoned(child, run):
                self.cancel(child_id)
        return run.call

    def cancel(self, run_id: UUID) -> None:
        """End a run whose end LangChain never tells, and what is open below it."""
        call = self.end(run_id, cancelled=True)
        if call is not None:
            call.cancel()

    def cancel_batch(self, run_id: UUID) -> None:
        """End the other prompts of a `generate` one of which fails: LangChain asks no further, and ends no other run.

        The prompts of an `agenerate` are awaited together and each tells its own end.
        """
        failed = self._open.get(run_id)
        if failed is None or not _is_batched(failed) or run_id in self._awaited.get(failed.flow, ()):
            return
        for other_id, other in list(self._open.items()):
            if other is not failed and _is_batched(other) and other.flow == failed.flow:
                self.cancel(other_id)

    def cancel_all(self) -> None:
        """End whatever is open."""
        for run_id in list(self._open):
            self.cancel(run_id)

    def _await(self, run_id: UUID, task: asyncio.Task[Any]) -> None:
        if task not in self._awaited:
            task.add_done_callback(self._cancel_awaited)
        self._awaited.setdefault(task, set()).add(run_id)

    def _answered(self, run_id: UUID, task: asyncio.Task[Any]) -> None:
        awaited = self._awaited.get(task, set())
        awaited.discard(run_id)
        if not awaited and self._awaited.pop(task, None) is not None:
            task.remove_done_callback(self._cancel_awaited)

    @barrier
    def _cancel_awaited(self, task: asyncio.Task[Any]) -> None:
        """End what a task that is done awaited."""
        for run_id in tuple(self._awaited.get(task, ())):
            self.cancel(run_id)

    def _cancel_timed_out(self, task: asyncio.Task[Any]) -> None:
        """End the models a task awaited: it starts something else, so a timeout took it out of the wait."""
        for run_id in tuple(self._awaited.get(task, ())):
            if _generates(self._open[run_id]):
                self.cancel(run_id)

    def _parent(self, parent_run_id: UUID | None) -> Run | None:
        return self._open.get(parent_run_id) if parent_run_id else None

    def _add(self, run_id: UUID, run: Run) -> None:
        self._open[run_id] = run
        if run.parent is not None:
            run.parent.children[run_id] = run
        if len(self._open) > MAX_OPEN_RUNS:
            for oldest in list(itertools.islice(self._open, 1)):
                self.cancel(oldest)


def enclosing_call() -> Call | None:
    """Return the call of the run whose code is running, as LangChain's own context variable tells it."""
    callbacks = (var_child_runnable_config.get() or {}).get("callbacks")
    return runs.call(getattr(callbacks, "parent_run_id", None))


def _flow() -> Flow:
    loop = asyncio._get_running_loop()  # noqa: SLF001  the public one raises outside a loop, at ten times the cost
    return threading.get_ident() if loop is None else asyncio.current_task(loop)


def _is_awaited(opening: Opening) -> bool:
    """Tell what the task that starts it waits for to its end from streams, whose consumers may come from many tasks."""
    return opening.operation in _UNTOLD or (opening.operation in semconv.GENERATION_OPERATIONS and _is_generating())


def _is_generating() -> bool:
    """Tell `ainvoke`, whose model runs in tasks of its own while this one waits, from streams that run in this one."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    for _ in range(_FRAMES_TO_MODEL):
        if frame is None:
            return False
        if frame.f_code.co_name == "agenerate":
            return True
        frame = frame.f_back
    return False


def _generates(run: Run) -> bool:
    return run.call is not None and run.call.opening.operation in semconv.GENERATION_OPERATIONS


def _is_batched(run: Run) -> bool:
    return run.call is not None and run.call.opening.claims_children and _generates(run)


def _is_abandoned(child: Run, parent: Run) -> bool:
    return child.flow == parent.flow or (isinstance(child.flow, asyncio.Task) and child.flow.done())


runs: Final = Runs()
