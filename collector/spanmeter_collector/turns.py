"""Who goes first: acknowledging before storing, where both want one core."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

_TURN_S: Final = 0.001
_STEPS_BACK: Final = 5
"""A thread this many steps behind has a quarter of a core that another one wants as well, see sched(7)."""
_THREADS: Final = Path("/proc/self/task")


def take_short_turns() -> None:
    """Let threads take turns of a millisecond instead of five.

    On its way to an acknowledgement a request waits for its turn three times, behind a thread that reads and prices
    what came before; https://docs.python.org/3/library/sys.html#sys.setswitchinterval.
    """
    sys.setswitchinterval(_TURN_S)


def stand_back(*threads: int) -> None:
    """Let threads of this process, by their native ids, have a core after those that want it as well.

    What they start later stands back too. Only Linux gives a thread a priority of its own; elsewhere nothing changes,
    nor where the system forbids it, as with systemd's `SystemCallFilter=~@resources`.
    """
    if not _THREADS.exists():
        return
    for thread in threads:
        with suppress(ProcessLookupError, PermissionError):  # it has ended, or nobody may
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _STEPS_BACK)


def other_threads() -> list[int]:
    """The native ids of all threads but the one that asks, those of libraries as well; none where it cannot be told."""
    found = [int(path.name) for path in _THREADS.iterdir()] if _THREADS.exists() else []
    return [thread for thread in found if thread != threading.get_native_id()]
