"""`track`: a span and a latency histogram for the application's own functions and blocks."""

# ruff: noqa: ANN401  a decorator passes on what it is given
from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from time import perf_counter
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar

from spanmeter import metrics
from spanmeter.barrier import barrier
from spanmeter.call import Call, error_type
from spanmeter.documents import returned_attributes
from spanmeter.opening import Opening
from spanmeter.surrounding import held, lasting, surrounding

P = ParamSpec("P")
R = TypeVar("R")


class track:  # noqa: N801  reads as a word of the language: @spanmeter.track("rerank"), with spanmeter.track("rerank")
    """Measure a function or block by a span named `name` and the histogram `spanmeter_track_duration_seconds`.

    As a decorator it takes plain, `async`, generator and asynchronous generator functions; a generator is measured
    from its first step to its last, and is current only while it runs. What is measured behaves as before, also
    when values or errors are sent into it.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f'track is given {name!r}; it takes a name, as in @spanmeter.track("rerank")')
        self._name = name
        self._entered: list[contextlib.AbstractContextManager[Call | None]] = []

    def __enter__(self) -> None:
        block = _measured(self._name)
        block.__enter__()
        self._entered.append(block)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.pop().__exit__(kind, error, trace)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Measure each call of `function`, also of one that is bound to a class or to nothing."""
        if isinstance(function, classmethod | staticmethod):
            given: Any = function
            bound: Callable[P, R] = type(given)(self(given.__func__))
            return bound
        kind = next(wrapped for fits, wrapped in _WRAPPERS if fits(function))
        wrapper: Callable[P, R] = functools.wraps(function)(kind(self._name, function))
        return wrapper


@contextlib.contextmanager
def _measured(name: str) -> Iterator[Call | None]:
    with _timed(name), surrounding(_opening(name)) as call:
        yield call


@contextlib.contextmanager
def timed_call(name: str) -> Iterator[Call | None]:
    """Measure what has a start and an end but no block: the call is current only where it is `held` or attached."""
    with _timed(name), lasting(_opening(name)) as call:
        yield call


@contextlib.contextmanager
def _timed(name: str) -> Iterator[None]:
    started, kind = perf_counter(), ""
    try:
        yield
    except BaseException as error:
        kind = _type_of(error) or "error"
        raise
    finally:
        barrier(metrics.observe_track)(name, perf_counter() - started, error_type=kind)


@barrier
def _type_of(error: BaseException) -> str:
    return error_type(error)


def _opening(name: str) -> Opening:
    return Opening(operation="track", name=name, framework="")


def _plain(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def tracked(*args: Any, **options: Any) -> Any:
        with _measured(name) as call:
            result = function(*args, **options)
            if type(result) is list:
                _tell_documents(call, result)
            return result

    return tracked


def _coroutine(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    async def tracked(*args: Any, **options: Any) -> Any:
        with _measured(name) as call:
            result = await function(*args, **options)
            if type(result) is list:
                _tell_documents(call, result)
            return result

    return tracked


def _generator(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def tracked(*args: Any, **options: Any) -> Generator[Any, Any, Any]:
        with timed_call(name) as call:
            return (yield from _Steps(function(*args, **options), call))

    return tracked


class _Steps(Generator[Any, Any, Any]):
    """A generator whose every step runs with a call current."""

    def __init__(self, steps: Generator[Any, Any, Any], call: Call | None) -> None:
        self._steps = steps
        self._call = call

    def send(self, value: Any) -> Any:
        return self._step(self._steps.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._steps.throw, *error)

    def _step(self, step: Callable[..., Any], *given: Any) -> Any:
        with held(self._call):
            item = step(*given)
        _note(self._call)
        return item


def _async_generator(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    async def tracked(*args: Any, **options: Any) -> AsyncGenerator[Any, Any]:
        steps = function(*args, **options)
        async with _lasting_steps(name, steps) as call:
            step = steps.asend(None)
            while True:
                try:
                    item = await _step(step, call)
                except StopAsyncIteration:
                    return
                try:
                    step = steps.asend((yield item))
                except Exception as error:  # noqa: BLE001  the consumer's, for the function to see
                    step = steps.athrow(error)

    return tracked


@contextlib.asynccontextmanager
async def _lasting_steps(name: str, steps: AsyncGenerator[Any, Any]) -> AsyncIterator[Call | None]:
    with timed_call(name) as call:
        async with contextlib.aclosing(steps):
            yield call


async def _step(step: Awaitable[Any], call: Call | None) -> Any:
    with held(call):
        item = await step
    _note(call)
    return item


@barrier
def _note(call: Call | None) -> None:
    if call is not None:
        call.first_chunk()


@barrier
def _tell_documents(call: Call | None, result: list[Any]) -> None:
    if call is not None and (told := returned_attributes(result)):
        call.span.set_attributes(told)


_WRAPPERS: Final[tuple[tuple[Callable[[Any], bool], Callable[..., Any]], ...]] = (
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isasyncgenfunction, _async_generator),
    (inspect.isgeneratorfunction, _generator),
    (callable, _plain),
)
