"""Taps on the methods of clients: what they answer is heard by the call around it, and nothing else changes."""

# ruff: noqa: ANN401  wrappers pass on what they are given

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
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
        tapped = _asynchronous if inspect.iscoroutinefunction(method) else _synchronous
        setattr(kind, name, tapped(method, told))

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


def _synchronous(method: Callable[..., Any], told: Callable[[Any], None]) -> Callable[..., Any]:
    @functools.wraps(method)
    def tapped(*args: Any, **options: Any) -> Any:
        answer = method(*args, **options)
        told(answer)
        return answer

    return tapped


def _asynchronous(method: Callable[..., Any], told: Callable[[Any], None]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def tapped(*args: Any, **options: Any) -> Any:
        answer = await method(*args, **options)
        told(answer)
        return answer

    return tapped
