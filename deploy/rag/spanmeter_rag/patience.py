"""Retries: a failed attempt is repeated after a pause, or after as long as the provider asks for.

The clients' own retries are off, so that every attempt is one call that frameworks and instrumentation see.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import Any, ParamSpec, TypeVar

import httpx
import openai
from langchain_core.runnables import Runnable, RunnableConfig
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    stop_any,
)
from tenacity.stop import stop_base
from tenacity.wait import wait_base, wait_random_exponential

import spanmeter
from spanmeter_rag.breaker import refusal
from spanmeter_rag.effects import note
from spanmeter_rag.settings import Resilience

_BROKEN = (httpx.TransportError, json.JSONDecodeError)
"""A stream that breaks off and an answer that is cut, which the client packages pass on as they are."""
_TRANSIENT = (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError, *_BROKEN)
PROVIDER_ERRORS = (openai.APIError, *_BROKEN)
"""Whatever a provider's failure is raised as."""

_P = ParamSpec("_P")
_T = TypeVar("_T")
_In = TypeVar("_In")
_Out = TypeVar("_Out")


def is_transient(error: BaseException) -> bool:
    """Tell whether another attempt may succeed: rate limits, server errors, broken connections, cut answers, timeouts.

    While the breaker is open none does.
    """
    return isinstance(error, _TRANSIENT) and refusal(error) is None


def is_outage(error: BaseException) -> bool:
    """Tell whether another model may answer: whatever is transient, an open breaker, a model that is gone."""
    return isinstance(error, (*_TRANSIENT, openai.NotFoundError))


class Patience:
    """Repeats what the provider refused, as `Resilience` says; the last error comes through as it is.

    Calls of a second or later attempt carry the tag `attempt`, so that the ledger tells what repeating cost.
    """

    def __init__(self, resilience: Resilience = Resilience()) -> None:  # noqa: B008  frozen
        self._policy: dict[str, Any] = {
            "stop": stop_any(
                stop_after_attempt(resilience.attempts),
                stop_after_delay(resilience.patience_s),
                _AsksForMoreThan(resilience.longest_wait_s),
            ),
            "wait": _AsToldOrLonger(resilience.longest_wait_s),
            "retry": retry_if_exception(is_transient),
            "before_sleep": _note,
            "reraise": True,
        }

    def call(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call until it succeeds."""
        for attempt in Retrying(**self._policy):
            with attempt, _tagged(attempt.retry_state):
                result = call(*args, **kwargs)
        return result

    async def call_async(self, call: Callable[_P, Awaitable[_T]], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Await the same for a coroutine function."""
        async for attempt in AsyncRetrying(**self._policy):
            with attempt, _tagged(attempt.retry_state):
                result = await call(*args, **kwargs)
        return result


class Patient(Runnable[_In, _Out]):
    """A runnable whose attempts are repeated; a stream only until its first part has come."""

    def __init__(self, inner: Runnable[_In, _Out], patience: Patience) -> None:
        self._inner = inner
        self._patience = patience

    def invoke(self, input: _In, config: RunnableConfig | None = None, **kwargs: object) -> _Out:  # noqa: A002
        """Invoke the inner runnable patiently."""
        return self._patience.call(self._inner.invoke, input, config, **kwargs)

    async def ainvoke(self, input: _In, config: RunnableConfig | None = None, **kwargs: object) -> _Out:  # noqa: A002
        """Await the inner runnable patiently."""
        return await self._patience.call_async(self._inner.ainvoke, input, config, **kwargs)

    def stream(self, input: _In, config: RunnableConfig | None = None, **kwargs: object) -> Iterator[_Out]:  # noqa: A002
        """Stream from the inner runnable."""

        def begin() -> Iterator[_Out]:
            parts = self._inner.stream(input, config, **kwargs)
            return chain([next(parts)], parts)

        yield from self._patience.call(begin)

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

        first, parts = await self._patience.call_async(begin)
        yield first
        async for part in parts:
            yield part


class _AsToldOrLonger(wait_base):
    """Waits as long as the provider asks for, else ever longer with jitter."""

    def __init__(self, longest_s: float) -> None:
        self._growing = wait_random_exponential(multiplier=0.1, max=longest_s)

    def __call__(self, retry_state: RetryCallState) -> float:
        told = _told_s(retry_state)
        return self._growing(retry_state) if told is None else told


class _AsksForMoreThan(stop_base):
    """Gives up where the provider asks for a longer pause: sooner it would refuse again, and another model may not."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s

    def __call__(self, retry_state: RetryCallState) -> bool:
        told = _told_s(retry_state)
        return told is not None and told > self._longest_s


def _note(retry_state: RetryCallState) -> None:
    note("retry", seconds=retry_state.upcoming_sleep)


def _tagged(retry_state: RetryCallState) -> AbstractContextManager[None]:
    number = retry_state.attempt_number
    return nullcontext() if number == 1 else spanmeter.context(attempt=str(number))


def _told_s(retry_state: RetryCallState) -> float | None:
    """Read `retry-after-ms` or `Retry-After`, in seconds or as a date, of whatever was refused (RFC 9110, 10.2.3)."""
    error = retry_state.outcome.exception() if retry_state.outcome else None
    if not isinstance(error, openai.APIStatusError):
        return None
    headers = error.response.headers
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        if value.replace(".", "", 1).isdigit():
            return float(value) * unit_s
    return _until_s(headers.get("retry-after", ""), headers.get("date", ""))


def _until_s(date: str, now: str) -> float | None:
    """How long it is until a date, by the provider's clock where it tells the time."""
    until, told = _time(date), _time(now) or datetime.now(UTC)
    return None if until is None else max((until - told).total_seconds(), 0.0)


def _time(date: str) -> datetime | None:
    try:
        time = parsedate_to_datetime(date)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
