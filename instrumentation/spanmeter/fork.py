"""What is begun again in a forked process: locks, threads and connections of the parent are of no use there."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable


def in_child(begin: Callable[[], None]) -> None:
    """Call a bound method in every forked process, as long as its object lives; hooks at fork can never be removed."""
    if not hasattr(os, "register_at_fork"):
        return
    found = weakref.WeakMethod(begin)

    def begin_again() -> None:
        alive = found()
        if alive is not None:
            alive()

    os.register_at_fork(after_in_child=begin_again)
