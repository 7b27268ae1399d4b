"""What is begun again in a forked process: locks, threads and connections of the parent are of no use there."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable


def in_child(
    begin: Callable[[], None],
    *,
    before: Callable[[], None] | None = None,
    in_parent: Callable[[], None] | None = None,
) -> None:
    """Call a bound method in every forked process, as long as its object lives; hooks at fork can never be removed.

    `before` the fork and afterwards `in_parent` others of the same object may be called.
    """
    if not hasattr(os, "register_at_fork"):
        return
    os.register_at_fork(after_in_child=_while_alive(begin))
    if before is not None and in_parent is not None:
        os.register_at_fork(before=_while_alive(before), after_in_parent=_while_alive(in_parent))


def _while_alive(method: Callable[[], None]) -> Callable[[], None]:
    found = weakref.WeakMethod(method)

    def call() -> None:
        alive = found()
        if alive is not None:
            alive()

    return call
