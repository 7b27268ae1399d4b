"""Streams LlamaIndex hands out: they run in the context that made them, and their end is always noticed.

A streaming query engine returns before it asks its model: from 0.14 on the model call starts in the consumer's
hands, which may be another thread or a context that never saw the query.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from types import AsyncGeneratorType, FrameType, GeneratorType
from typing import Any, Final, TypeGuard, TypeVar

from spanmeter.call import Call

T = TypeVar("T")
Stream = Generator[Any, Any, Any] | AsyncGenerator[Any, Any]
Ended = Callable[[BaseException | None], object]
_STREAMS: Final = (GeneratorType, AsyncGeneratorType)


def is_stream(result: object) -> TypeGuard[Stream]:
    """Whether a framework method answered with a generator."""
    return isinstance(result, _STREAMS)


def is_over(stream: Stream | None) -> bool:
    """Whether a stream that still exists has said its last, by whatever end."""
    if isinstance(stream, AsyncGeneratorType):
        return stream.ag_frame is None
    return isinstance(stream, GeneratorType) and stream.gi_frame is None


def hand_out(call: Call, stream: Stream, *, abandoned: Callable[[], None]) -> None:
    """Keep `call` open after its method returned `stream`, current only while the stream runs.

    `abandoned` is called once the stream is gone, also when nobody ever iterated it: such a stream asked no provider.
    """
    gone = weakref.finalize(stream, abandoned)
    gone.atexit = False
    reference, caller = weakref.ref(stream), _runner()
    call.leave(current_while=lambda: _runs(reference(), caller))


def step_aside(call: Call) -> None:
    """Keep `call` open and current, but not for the task that is running: that one goes on beside it."""
    caller = _task()
    call.leave(current_while=lambda: caller is None or _task() != caller)


def _task() -> weakref.ref[asyncio.Task[Any]] | None:
    """The task that runs, held weakly: one that failed holds its frames, and with them the stream it read."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return None
    return weakref.ref(task) if task is not None else None


def resumed(stream: Stream, *, ended: Ended) -> Stream:
    """The same stream, each step of it run in the context of this moment; `ended` is told how it went out."""
    if isinstance(stream, AsyncGenerator):
        return _resumed_async(stream, ended, copy_context())
    return _resumed(stream, ended, copy_context())


def _runner() -> object:
    return _task() or threading.get_ident()


def _runs(stream: object, caller: object) -> bool:
    """Whether what asks is below a stream that runs; not so its consumer, beside whom another thread or task reads it.

    Such a reader fills the history of a streaming chat engine.
    """
    if isinstance(stream, AsyncGeneratorType):
        return stream.ag_running and (_runner() != caller or _is_below(stream.ag_frame))
    return (
        isinstance(stream, GeneratorType) and stream.gi_running and (_runner() != caller or _is_below(stream.gi_frame))
    )


def _is_below(started: FrameType | None) -> bool:
    frame: FrameType | None = sys._getframe()  # noqa: SLF001  `inspect` would read the source of each
    while frame is not None and frame is not started:
        frame = frame.f_back
    return frame is not None


def _resumed(stream: Generator[Any, Any, Any], ended: Ended, context: Context) -> Generator[Any, None, None]:
    end = object()
    with _telling(ended):
        try:
            while (item := context.run(next, stream, end)) is not end:
                yield item
        finally:
            context.run(stream.close)


async def _resumed_async(stream: AsyncGenerator[Any, Any], ended: Ended, context: Context) -> AsyncGenerator[Any, None]:
    end = object()
    with _telling(ended):
        try:
            while (item := await _Steps(anext(stream, end), context)) is not end:
                yield item
        finally:
            await _Steps(stream.aclose(), context)


@contextmanager
def _telling(ended: Ended) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        ended(error)
        raise
    ended(None)


class _Steps(Generator[Any, Any, T]):
    """An awaitable whose every step runs in another context; no task of its own, so timeouts reach it as before."""

    def __init__(self, awaitable: Awaitable[T], context: Context) -> None:
        self._steps = awaitable.__await__()
        self._run = context.run

    def __await__(self) -> Generator[Any, Any, T]:
        return self

    def send(self, value: Any) -> Any:  # noqa: ANN401  the event loop's own values
        return self._run(self._steps.send, value)

    def throw(self, *error: Any) -> Any:  # noqa: ANN401  the three forms of generator.throw
        return self._run(self._steps.throw, *error)
