"""Taps on the methods of clients: what they answer is heard by the call around it, and nothing else changes."""

# ruff: noqa: ANN401  wrappers pass on what they are given

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import Any, Final

from spanmeter.barrier import barrier
from spanmeter.budget import gate, rerank
from spanmeter.call import Call
from spanmeter.current import here

Hear = Callable[[Call, Any], None]
Tell = Callable[[Call, Any], object]
_BATCHED: Final = frozenset({"embeddings", "rerank"})


class Taps:
    """Methods that are tapped, and how they were before. Each is tapped once, however often it is asked for."""

    def __init__(self) -> None:
        self._methods: dict[tuple[type, str], Callable[..., Any]] = {}

    def put(self, kind: type, name: str, *, operation: str, hear: Hear) -> None:
        """Have `hear` told every answer of a method that is asked inside a call of `operation`."""
        if (kind, name) in self._methods:
            return
        self._methods[kind, name] = method = getattr(kind, name)
        setattr(kind, name, _tapped(method, barrier(functools.partial(_asker, operation)), barrier(_tell_by(hear))))

    def remove(self) -> None:
        """Put the clients' own methods back."""
        while self._methods:
            (kind, name), method = self._methods.popitem()
            setattr(kind, name, method)


def _asker(operation: str) -> Call | None:
    """Find the open call of an operation that a request is made in."""
    call = here().call
    while call is not None:
        if isinstance(call, Call) and call.open and call.opening.operation == operation:
            return call
        call = call.above
    return None


def _tell_by(hear: Hear) -> Hear:
    def tell(call: Call, answer: Any) -> None:
        if call.open or call.opening.operation not in _BATCHED:
            hear(call, answer)
            return
        # The framework gave up on the request, as on all of a batch when one is refused; the provider answered it.
        late = call.again()
        try:
            hear(late, answer)
        finally:
            late.stop()

    return tell


def _tapped(method: Callable[..., Any], asker: Callable[[], Call | None], tell: Tell) -> Callable[..., Any]:
    @functools.wraps(method)
    def tapped(*args: Any, **options: Any) -> Any:
        call = asker()
        turn = rerank.turn(call, args, options) if call is not None else None
        if call is not None and turn is not None:
            gate.enter(call, turn)
        answer = method(*args, **options)
        if call is None:
            return answer
        # Only the answer tells: a decorator may hide that what it wraps is asynchronous.
        if isinstance(answer, CoroutineType):
            return _later(answer, call, tell)
        tell(call, answer)
        return answer

    @functools.wraps(method)
    async def tapped_later(*args: Any, **options: Any) -> Any:
        call = asker()
        turn = rerank.turn(call, args, options) if call is not None else None
        if call is not None and turn is not None:
            await gate.enter_async(call, turn)
        asking = method(*args, **options)
        return await (asking if call is None else _later(asking, call, tell))

    return tapped_later if inspect.iscoroutinefunction(method) else tapped


async def _later(asking: Coroutine[Any, Any, Any], call: Call, tell: Tell) -> Any:
    answer = await asking
    tell(call, answer)
    return answer
