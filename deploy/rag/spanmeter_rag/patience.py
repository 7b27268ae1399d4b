"""Retries: a failed attempt is repeated after a pause, or after as long as the provider asks for.

The clients' own retries are off, so that every attempt is one call that frameworks and instrumentation see.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import chain
from typing import Any, ParamSpec, TypeVar

import openai
from langchain_core.runnables import Runnable, RunnableConfig
from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_base, wait_random_exponential

ATTEMPTS = 6
_LONGEST_WAIT_S = 20.0
_TRANSIENT = (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError)

_P = ParamSpec("_P")
_T = TypeVar("_T")
_In = TypeVar("_In")
_Out = TypeVar("_Out")


def is_transient(error: BaseException) -> bool:
    """Tell whether another attempt may succeed: rate limits, server errors, broken connections, timeouts."""
    return isinstance(error, _TRANSIENT)


def patiently(call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call until it succeeds, at most six times; the last error comes through as it is."""
    return Retrying(**_policy())(call, *args, **kwargs)


async def patiently_async(call: Callable[_P, Awaitable[_T]], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Await the same for a coroutine function."""
    return await AsyncRetrying(**_policy())(call, *args, **kwargs)


class Patient(Runnable[_In, _Out]):
    """A runnable whose attempts are repeated; a stream only until its first part has come."""

    def __init__(self, inner: Runnable[_In, _Out]) -> None:
        self._inner = inner

    def invoke(self, input: _In, config: RunnableConfig | None = None, **kwargs: object) -> _Out:  # noqa: A002
        """Invoke the inner runnable patiently."""
        return patiently(self._inner.invoke, input, config, **kwargs)

    async def ainvoke(self, input: _In, config: RunnableConfig | None = None, **kwargs: object) -> _Out:  # noqa: A002
        """Await the inner runnable patiently."""
        return await patiently_async(self._inner.ainvoke, input, config, **kwargs)

    def stream(self, input: _In, config: RunnableConfig | None = None, **kwargs: object) -> Iterator[_Out]:  # noqa: A002
        """Stream from the inner runnable."""

        def begin() -> Iterator[_Out]:
            parts = self._inner.stream(input, config, **kwargs)
            return chain([next(parts)], parts)

        yield from patiently(begin)

    async def astream(
        self,
        input: _In,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: object,
    ) -> AsyncIterator[_Out]:
        """Stream from the inner runnable without blocking the event loop."""

        async def begin() -> tuple[_Out, AsyncIterator[_Out]]:
            parts = self._inner.astream(input, config, **kwargs)
            return await anext(parts), parts

        first, parts = await patiently_async(begin)
        yield first
        async for part in parts:
            yield part


class _AsToldOrLonger(wait_base):
    """Waits as long as a rate-limited response asks for, else ever longer with jitter."""

    _growing = wait_random_exponential(multiplier=0.1, max=_LONGEST_WAIT_S)

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        told = _told_s(error) if isinstance(error, openai.RateLimitError) else None
        return self._growing(retry_state) if told is None else min(told, _LONGEST_WAIT_S)


def _policy() -> dict[str, Any]:
    return {
        "stop": stop_after_attempt(ATTEMPTS),
        "wait": _AsToldOrLonger(),
        "retry": retry_if_exception(is_transient),
        "reraise": True,
    }


def _told_s(error: openai.RateLimitError) -> float | None:
    """Read retry-after-ms and retry-after as OpenAI's own client does; a date is left to the growing wait."""
    headers = error.response.headers
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        if value.replace(".", "", 1).isdigit():
            return float(value) * unit_s
    return None
