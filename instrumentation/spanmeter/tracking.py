"""`track`: a span and a latency histogram for the application's own functions and blocks."""

# ruff: noqa: ANN401  a decorator passes on what it is given
from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from time import perf_counter
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar

from spanmeter import metrics
from spanmeter.call import Call, error_type
from spanmeter.opening import Opening
from spanmeter.process import calls
from spanmeter.surrounding import surrounding

P = ParamSpec("P")
R = TypeVar("R")


class track:  # noqa: N801  reads as a word of the language: @spanmeter.track("rerank"), with spanmeter.track("rerank")
    """Measure a function or block by a span named `name` and the histogram `spanmeter_track_duration_seconds`.

    As a decorator it takes plain, `async`, generator and asynchronous generator functions; a generator is measured
    from its first step to its last, and is current only while it runs. What is measured behaves as before.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._entered: list[contextlib.AbstractContextManager[None]] = []

    def __enter__(self) -> None:
        block = _measured(self._name)
        block.__enter__()
        self._entered.append(block)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.pop().__exit__(kind, error, trace)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Measure each call of `function`."""
        kind = next(wrapped for fits, wrapped in _WRAPPERS if fits(function))
        wrapper: Callable[P, R] = functools.wraps(function)(kind(self._name, function))
        return wrapper


@contextlib.contextmanager
def _measured(name: str) -> Iterator[None]:
    with _timed(name), surrounding(_opening(name)):
        yield


@contextlib.contextmanager
def _timed(name: str) -> Iterator[None]:
    started, kind = perf_counter(), ""
    try:
        yield
    except BaseException as error:
        kind = error_type(error)
        raise
    finally:
        metrics.observe_track(name, perf_counter() - started, error_type=kind)


def _opening(name: str) -> Opening:
    return Opening(operation="track", name=name, framework="")


def _plain(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def tracked(*args: Any, **options: Any) -> Any:
        with _measured(name):
            return function(*args, **options)

    return tracked


def _coroutine(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    async def tracked(*args: Any, **options: Any) -> Any:
        with _measured(name):
            return await function(*args, **options)

    return tracked


def _generator(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def tracked(*args: Any, **options: Any) -> Generator[Any, None, Any]:
        with (
            _timed(name),
            _ended(calls().open(_opening(name))) as call,
            contextlib.closing(function(*args, **options)) as steps,
        ):
            while True:
                with call.held():
                    try:
                        step = next(steps)
                    except StopIteration as end:
                        return end.value
                call.first_chunk()
                yield step

    return tracked


def _async_generator(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    async def tracked(*args: Any, **options: Any) -> AsyncIterator[Any]:
        steps = function(*args, **options)
        with _timed(name), _ended(calls().open(_opening(name))) as call:
            async with contextlib.aclosing(steps):
                while True:
                    with call.held():
                        try:
                            step = await anext(steps)
                        except StopAsyncIteration:
                            return
                    call.first_chunk()
                    yield step

    return tracked


@contextlib.contextmanager
def _ended(call: Call) -> Iterator[Call]:
    try:
        yield call
    except BaseException as error:
        call.fail(error)
        raise
    call.stop()


_WRAPPERS: Final[tuple[tuple[Callable[[Any], bool], Callable[..., Any]], ...]] = (
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isasyncgenfunction, _async_generator),
    (inspect.isgeneratorfunction, _generator),
    (callable, _plain),
)
