"""LangChain's open runs by their ids."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Final
from uuid import UUID

from langchain_core.runnables.config import var_child_runnable_config

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.call import Call
from spanmeter.current import is_suppressed
from spanmeter.langchain import stack
from spanmeter.langchain.awaiting import awaits
from spanmeter.langchain.batch import Batch
from spanmeter.opening import Opening
from spanmeter.process import calls

MAX_OPEN_RUNS: Final = 10_000
MAX_SILENCE_S: Final = 3600.0
_SWEEP_EVERY_S: Final = 60.0
_OLDEST: Final = 100
_UNTOLD: Final = frozenset({"execute_tool", "retrieval"})
"""Operations whose cancellation LangChain does not tell, besides a model's."""


Flow = asyncio.Task[Any] | int | None
"""What a run was started by: a task, or the number of a thread that runs none."""


@dataclass(slots=True, eq=False)
class Run:
    """An open run; one that is hidden has no call, and what starts below it goes under its parent.

    `hear` takes the further tokens of a stream that has begun.
    """

    call: Call | None
    parent: Run | None
    flow: Flow
    seen_s: float
    batch: Batch | None = None
    awaited: bool = False
    tokens: bool = False
    hear: Callable[[str], object] | None = None
    children: dict[Run, UUID] = field(default_factory=dict)

    def nearest_call(self) -> Call | None:
        """Return the call that stands for this run as a parent."""
        run: Run | None = self
        while run is not None and run.call is None:
            run = run.parent
        return run.call if run else None

    def is_within(self, other: Run) -> bool:
        """Tell whether this run is another one or below it."""
        run: Run | None = self
        while run is not None and run is not other:
            run = run.parent
        return run is other


class Runs:
    """Opens and ends the calls of LangChain's runs.

    Bounded: what never ends is ended as cancelled when nothing was seen of it for an hour, or when too many are open.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic, max_open: int = MAX_OPEN_RUNS) -> None:
        self._open: dict[UUID, Run] = {}
        self.find: Final = self._open.get
        self._awaited: dict[Flow, set[UUID]] = {}
        self._batches: dict[int, Batch] = {}
        self._clock = clock
        self._max_open = max_open
        self._sweep_at_s = 0.0

    def start(
        self, opening: Opening, *, run_id: UUID, parent_run_id: UUID | None, batch: Batch | None = None
    ) -> Call | None:
        """Open a call for a run whose parent may be unknown here; None when suppressed or when another handler did."""
        if run_id in self._open or is_suppressed():
            return None
        flow = _flow()
        gathers = stack.gatherer(flow) if opening.operation == "text_completion" else None
        flow = gathers or flow
        batch = self._joined(batch, run_id) if batch else None
        task = flow if isinstance(flow, asyncio.Task) else None
        if task in self._awaited:
            self._cancel_timed_out(task, batch)
        parent = self._asking(self._parent(parent_run_id))
        call = calls().start(opening, parent=parent.nearest_call() if parent else None, skip_claiming=True)
        awaited = task is not None and (gathers is not None or _is_awaited(opening))
        self._add(run_id, Run(call, parent, flow, self._clock(), batch, awaited))
        if task and awaited:
            self._await(run_id, task)
            call.leave(current_while=partial(awaits, task, run_id))
        return call

    def hide(self, *, run_id: UUID, parent_run_id: UUID | None) -> None:
        """Keep a run without a call, so that what starts below it finds its parent."""
        self._add(run_id, Run(None, self._parent(parent_run_id), _flow(), self._clock()))

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
        if run.awaited:
            self._answered(run_id, run.flow)
        if run.batch is not None and self._open.keys().isdisjoint(run.batch.run_ids):
            self._batches.pop(id(run.batch.parameters), None)
        if run.parent is not None:
            run.parent.children.pop(run, None)
            run.parent.seen_s = self._clock()
        for child, child_id in list(run.children.items()) if run.children else ():
            if cancelled or _is_abandoned(child, run):
                self.cancel(child_id)
        return run.call

    def cancel(self, run_id: UUID) -> None:
        """End a run whose end LangChain never tells, and what is open below it."""
        call = self.end(run_id, cancelled=True)
        if call is not None:
            call.cancel()

    def cancel_all(self) -> None:
        """End whatever is open."""
        for run_id in list(self._open):
            self.cancel(run_id)

    def _joined(self, batch: Batch, run_id: UUID) -> Batch:
        known = self._batches.setdefault(id(batch.parameters), batch)
        known.run_ids.append(run_id)
        return known

    def _asking(self, parent: Run | None) -> Run | None:
        """Return the prompt whose model asks another one: all prompts of a `generate` are current, none is named."""
        if self._batches:
            for run_id in stack.running():
                run = self._open.get(run_id)
                if run is not None and run.batch is not None:
                    return parent if parent is not None and parent.is_within(run) else run
        return parent

    def _await(self, run_id: UUID, task: asyncio.Task[Any]) -> None:
        if task not in self._awaited:
            task.add_done_callback(self._cancel_awaited)
        self._awaited.setdefault(task, set()).add(run_id)

    def _answered(self, run_id: UUID, task: Flow) -> None:
        awaited = self._awaited.get(task, set())
        awaited.discard(run_id)
        if not awaited and self._awaited.pop(task, None) is not None and isinstance(task, asyncio.Task):
            task.remove_done_callback(self._cancel_awaited)

    @barrier
    def _cancel_awaited(self, task: asyncio.Task[Any]) -> None:
        """End what a task that is done awaited."""
        for run_id in tuple(self._awaited.get(task, ())):
            self.cancel(run_id)

    def _cancel_timed_out(self, task: Flow, batch: Batch | None) -> None:
        """End what a task awaited and is no longer inside of: it starts something else, so a timeout took it out.

        Models and tools run in tasks of their own; a retriever runs in the one that awaits it.
        """
        inside = set(stack.running())
        for run_id in self._awaited[task] - inside:
            if batch is None or self._open[run_id].batch is not batch:
                self.cancel(run_id)

    def _parent(self, parent_run_id: UUID | None) -> Run | None:
        return self._open.get(parent_run_id) if parent_run_id else None

    def _add(self, run_id: UUID, run: Run) -> None:
        self._open[run_id] = run
        if run.parent is not None:
            run.parent.children[run] = run_id
            run.parent.seen_s = run.seen_s
        if len(self._open) > self._max_open:
            oldest = list(itertools.islice(self._open.items(), _OLDEST))
            self.cancel(next((old_id for old_id, old in oldest if not old.children), oldest[0][0]))
        if run.seen_s >= self._sweep_at_s:
            self._sweep(run.seen_s)

    def _sweep(self, now_s: float) -> None:
        """End what nothing was seen of for too long; what has open children waits for them."""
        self._sweep_at_s = now_s + _SWEEP_EVERY_S
        for run_id, run in list(self._open.items()):
            if not run.children and now_s - run.seen_s > MAX_SILENCE_S:
                self.cancel(run_id)


def enclosing_call() -> Call | None:
    """Return the call of the run whose code is running, as LangChain's own context variable tells it."""
    callbacks = (var_child_runnable_config.get() or {}).get("callbacks")
    return runs.call(getattr(callbacks, "parent_run_id", None))


def _flow() -> Flow:
    loop = asyncio._get_running_loop()  # noqa: SLF001  the public one raises outside a loop, at ten times the cost
    return threading.get_ident() if loop is None else asyncio.current_task(loop)


def _is_awaited(opening: Opening) -> bool:
    """Tell what the task that starts it waits for to its end from streams, whose consumers may come from many tasks."""
    return opening.operation in _UNTOLD or (
        opening.operation in semconv.GENERATION_OPERATIONS and stack.is_generating()
    )


def _is_abandoned(child: Run, parent: Run) -> bool:
    return child.flow == parent.flow or (isinstance(child.flow, asyncio.Task) and child.flow.done())


runs: Final = Runs()
