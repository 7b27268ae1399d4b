"""Taps on the methods of clients: what they answer is heard by the call around it, and nothing else changes."""

# ruff: noqa: ANN401  wrappers pass on what they are given

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import Any

from spanmeter.barrier import barrier
from spanmeter.call import Call
from spanmeter.current import here

Hear = Callable[[Call, Any], None]


class Taps:
    """Methods that are tapped, and how they were before. Each is tapped once, however often it is asked for."""

    def __init__(self) -> None:
        self._methods: dict[tuple[type, str], Callable[..., Any]] = {}

    def put(self, kind: type, name: str, *, operation: str, hear: Hear) -> None:
        """Have `hear` told every answer of a method that is asked inside a call of `operation`."""
        if (kind, name) in self._methods:
            return
        self._methods[kind, name] = method = getattr(kind, name)
        told = barrier(functools.partial(_tell, operation, hear))
        setattr(kind, name, _tapped(method, told))

    def remove(self) -> None:
        """Put the clients' own methods back."""
        while self._methods:
            (kind, name), method = self._methods.popitem()
            setattr(kind, name, method)


def _tell(operation: str, hear: Hear, answer: Any) -> None:
    call = here().call
    while call is not None:
        if isinstance(call, Call) and call.open and call.opening.operation == operation:
            hear(call, answer)
            return
        call = call.above


def _tapped(method: Callable[..., Any], told: Callable[[Any], None]) -> Callable[..., Any]:
    @functools.wraps(method)
    def tapped(*args: Any, **options: Any) -> Any:
        answer = method(*args, **options)
        # Only the answer tells: a decorator may hide that what it wraps is asynchronous.
        if isinstance(answer, CoroutineType):
            return _later(answer, told)
        told(answer)
        return answer

    @functools.wraps(method)
    async def tapped_later(*args: Any, **options: Any) -> Any:
        return await _later(method(*args, **options), told)

    return tapped_later if inspect.iscoroutinefunction(method) else tapped


async def _later(asking: Coroutine[Any, Any, Any], told: Callable[[Any], None]) -> Any:
    answer = await asking
    told(answer)
    return answer
