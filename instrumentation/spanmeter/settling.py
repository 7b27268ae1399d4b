"""Ends of calls that wait for their figures: one thread of ours works them out, or whoever needs them first.

A call whose provider told no usage ends in the application's own time; counting its tokens takes longer than the
application should wait.
"""

from __future__ import annotations

import atexit
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

from spanmeter.barrier import barrier
from spanmeter.fork import in_child

MAX_WAITING: Final = 1_000
"""Ends that may wait; each holds on to its prompt."""

Settle = Callable[[], object]


class Settling:
    """Runs what waits in the order it came, each once, in a daemon thread that starts with the first.

    A forked process begins with none: its parent settles what waited there. At exit whatever waits is settled.
    """

    def __init__(self, *, room: int = MAX_WAITING) -> None:
        self._room = room
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        self._waiting: deque[Settle] = deque()
        # Reentrant: the collector of garbage ends dropped streams anywhere, also in the middle of `put` or `now`.
        self._told: SimpleQueue[None] = SimpleQueue()
        self._turn = threading.RLock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def later(self, settle: Settle) -> bool:
        """Have `settle` run soon and return at once; False when too many wait already."""
        if len(self._waiting) >= self._room:
            return False
        self._waiting.append(settle)
        self._told.put(None)
        if self._thread is None or not self._thread.is_alive():
            self._start()
        return True

    def now(self) -> None:
        """Run what waits, and return when all that had come before is done."""
        with self._turn:
            while self._waiting:
                _run(self._waiting.popleft())

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
        while True:
            self._told.get()
            self.now()


@barrier
def _run(settle: Settle) -> None:
    settle()


settling: Final = Settling()
"""The one of this process."""
