"""The one barrier between our faults and the host: every hook a framework calls wears it."""

from __future__ import annotations

import functools
import logging
import os
from collections import Counter
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_log: Final = logging.getLogger("spanmeter")
_seen: Final[set[tuple[str, int]]] = set()
faults: Final[Counter[str]] = Counter()
"""Faults of ours the host was spared, by hook."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=faults.clear)

_raising = False


def raise_faults(*, on: bool) -> None:
    """Let faults through to the caller: tests switch it on, production never does."""
    global _raising  # noqa: PLW0603
    _raising = on


def raises_faults() -> bool:
    """Tell whether faults reach the caller."""
    return _raising


def barrier(hook: Callable[P, R]) -> Callable[P, R | None]:
    """Let the host go on when `hook` fails: the fault is counted, logged once per place, and the result is None."""

    @functools.wraps(hook)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return hook(*args, **kwargs)
        except Exception as fault:
            if _raising:
                raise
            _spare_the_host(_name(hook), fault)
            return None

    return guarded


def _name(hook: Callable[..., object]) -> str:
    """Name a hook; a `partial` is known by its function."""
    named = getattr(hook, "func", hook)
    return str(getattr(named, "__qualname__", None) or type(named).__qualname__)


def _spare_the_host(hook: str, fault: Exception) -> None:
    faults[hook] += 1
    place = _place(fault)
    if place in _seen:
        return
    _seen.add(place)
    _log.error("spanmeter failed in %s; the application goes on, this call may be missing", hook, exc_info=fault)


def _place(fault: Exception) -> tuple[str, int]:
    step = fault.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return ("", 0) if step is None else (step.tb_frame.f_code.co_filename, step.tb_lineno)
