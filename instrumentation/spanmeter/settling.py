"""Ends of calls that wait for their figures: one thread of ours works them out, or whoever needs them first.

A call whose provider told no usage ends in the application's own time; counting its tokens takes longer than the
application should wait.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from time import monotonic
from typing import Final

from spanmeter.barrier import barrier
from spanmeter.fork import in_child

MAX_WAITING: Final = 2_000
"""Ends that may wait; each that has to be estimated holds on to its prompt."""
PATIENCE_S: Final = 5.0
GATHERING_S: Final = 0.05
"""How long the first end waits for company: they are settled together, and the thread wakes once."""
LEISURE_S: Final = 1.0
"""How long an end waits that nobody is waiting for, as long as spans wait in the queue they go to."""

Settle = Callable[[], object]


class Settling:
    """Runs what waits in the order it came, each once, in a daemon thread that starts with the first.

    A forked process begins with none: its parent settles what waited there. At exit whatever waits is settled.
    """

    def __init__(self, *, room: int = MAX_WAITING) -> None:
        self._room = room
        self._begin()
        in_child(self._begin, before=self._hold, in_parent=self._release)

    def _hold(self) -> None:
        """Wait for what is being settled: a forked process could not take the locks it holds, as of imports."""
        self._turn.acquire(timeout=PATIENCE_S)

    def _release(self) -> None:
        with contextlib.suppress(RuntimeError):  # it did not get its turn in time
            self._turn.release()

    def _begin(self) -> None:
        self._waiting: deque[Settle] = deque()
        # Reentrant: the collector of garbage ends dropped streams anywhere, also in the middle of `put` or `now`.
        self._told: SimpleQueue[bool] = SimpleQueue()
        self._turn = threading.RLock()
        self._starting = threading.Lock()
        self._soon = threading.Event()
        self._resting = threading.Event()
        self._thread: threading.Thread | None = None

    def later(self, settle: Settle) -> bool:
        """Have `settle` run soon and return at once; False when too many wait already."""
        if len(self._waiting) >= self._room:
            return False
        self._add(settle)
        if not self._soon.is_set():
            self._soon.set()
        return True

    def at_leisure(self, settle: Settle) -> bool:
        """Have `settle` run within a second and return at once; False when too many wait already.

        They take half of the room at most: who is refused here reads at once, who is refused `later` gives up.
        """
        waiting = len(self._waiting)
        if waiting >= self._room // 2:
            return False
        self._add(settle)
        if waiting >= self._room // 4 and not self._soon.is_set():
            self._soon.set()
        return True

    def _add(self, settle: Settle) -> None:
        self._waiting.append(settle)
        if self._thread is None or not self._thread.is_alive():
            self._start()
            self._told.put(True)
        elif self._told.empty():  # one word wakes the thread for all that wait
            self._told.put(True)

    def now(self) -> None:
        """Run what waits, and return when all that had come before is done."""
        while self._waiting:
            with self._turn:
                if self._waiting:
                    _run(self._waiting.popleft())
        with self._turn:  # another thread may be at the last one
            pass

    def soon(self) -> None:
        """Run what waits, or wait for the thread that is at it, but never for long: what is left, that thread does."""
        until = monotonic() + GATHERING_S
        if self._turn.acquire(timeout=GATHERING_S):
            try:
                while self._waiting and monotonic() < until:
                    _run(self._waiting.popleft())
            finally:
                self._turn.release()

    def rest(self) -> None:
        """Run what waits and end the thread, until there is more to settle."""
        self.now()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            self._resting.set()
            self._soon.set()
            self._told.put(False)
            thread.join(PATIENCE_S)
            self._resting.clear()
            self._soon.clear()
            atexit.unregister(self.now)

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):  # another thread is at it
            return
        try:
            thread = threading.Thread(target=self._work, name="spanmeter-settling", daemon=True)
            thread.start()
            self._thread = thread
            atexit.register(self.now)
        except RuntimeError:  # too late for threads: the process exits, and settles what waits on its way out
            pass
        finally:
            self._starting.release()

    def _work(self) -> None:
        while self._told.get():
            if self._soon.wait(LEISURE_S):
                self._resting.wait(GATHERING_S)
            self._soon.clear()
            goes_on = all(self._told.get_nowait() for _ in range(self._told.qsize()))
            self.now()
            if not goes_on:
                return


@barrier
def _run(settle: Settle) -> None:
    settle()


settling: Final = Settling()
"""The one of this process."""
