"""What tells one decorated function from another: its name, what it closes over and, within a process, its code."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

_UNCHANGING: Final = (str, int, float, bool, type(None), bytes, Decimal, date, datetime, time)

Opaque = tuple[object, tuple[object, ...]]
"""What no other process can be told: a function's code, and the objects it closes over or is bound to."""


class Identities:
    """The functions of one cache. Those of one name are apart where code or closed-over objects differ.

    Plain values that a function closes over are part of its identity in every process; of other objects only the order
    in which functions of one name were decorated is, so `version` should name what they stand for.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[object, ...], tuple[Opaque, int]] = {}

    def of(self, function: Callable[..., Any], *, version: str) -> list[object]:
        """What tells a function from others, with a stable spelling."""
        cells = _closed_over(function)
        plain = [_plain(value) for value in cells]
        name = (*_name(function), version, *plain)
        opaque = (_code(function), tuple(value for value in cells if not _is_plain(value)))
        known, number = self._last.get(name, (opaque, 0))
        if not _is_same(known, opaque):
            number += 1
        self._last[name] = (opaque, number)
        return [*name, number]


def _name(function: Callable[..., Any]) -> tuple[str, str]:
    named: Any = function if hasattr(function, "__qualname__") else type(function)
    return named.__module__, named.__qualname__


def _code(function: Callable[..., Any]) -> object:
    return getattr(inspect.unwrap(function), "__code__", function)


def _closed_over(function: Callable[..., Any]) -> list[object]:
    cells = [_content(cell) for cell in getattr(function, "__closure__", None) or ()]
    bound = getattr(function, "__self__", None)
    return cells if bound is None else [*cells, bound]


def _content(cell: Any) -> object:  # noqa: ANN401
    try:
        return cell.cell_contents
    except ValueError:  # not set yet, as the name of a function that calls itself
        return _content


def _is_plain(value: object) -> bool:
    return type(value) in _UNCHANGING


def _plain(value: object) -> object:
    return (type(value).__name__, value) if _is_plain(value) else ()


def _is_same(one: Opaque, other: Opaque) -> bool:
    (code, objects), (others_code, others_objects) = one, other
    are_same = len(objects) == len(others_objects) and all(
        mine is theirs for mine, theirs in zip(objects, others_objects, strict=True)
    )
    return code == others_code and are_same
