"""HTTP clients that ask their breaker before each request and tell it how that went."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
import openai

from spanmeter.log_lines import REQUEST_ID, surroundings
from spanmeter_rag.breaker import Breaker, OpenError
from spanmeter_rag.effects import note

_FAILED: Final = 500
"""A server's error. A rate limit is none: it says when to come again."""


class GuardedClient(openai.DefaultHttpxClient):
    """Sends nothing while its breaker is open. Raises OpenError then, and otherwise what httpx raises."""

    def __init__(self, breaker: Breaker) -> None:
        super().__init__()
        self._breaker = breaker

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:  # noqa: ANN401  httpx's
        """Send one request."""
        with _watched(self._breaker):
            response = super().send(_named(request), **options)
        _judge(self._breaker, response)
        return response

    def __del__(self) -> None:
        self.close()


class GuardedAsyncClient(openai.DefaultAsyncHttpxClient):
    """The same for coroutines."""

    def __init__(self, breaker: Breaker) -> None:
        super().__init__()
        self._breaker = breaker

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:  # noqa: ANN401  httpx's
        """Send one request."""
        with _watched(self._breaker):
            response = await super().send(_named(request), **options)
        _judge(self._breaker, response)
        return response


def _named(request: httpx.Request) -> httpx.Request:
    """Name the question, and the step if it is a further one, so that the provider's own record can be compared.

    https://platform.openai.com/docs/api-reference/debugging-requests
    """
    said = surroundings()
    if request_id := said.get(REQUEST_ID):
        step = said.get("tags", {}).get("step")
        request.headers["X-Client-Request-Id"] = f"{request_id}/{step}" if step else request_id
    return request


@contextmanager
def _watched(breaker: Breaker) -> Iterator[None]:
    try:
        breaker.enter()
    except OpenError:
        note("breaker", requests=1)
        raise
    try:
        yield
    except httpx.TransportError:
        breaker.failed()
        raise


def _judge(breaker: Breaker, response: httpx.Response) -> None:
    if response.status_code >= _FAILED:
        breaker.failed()
    else:
        breaker.succeeded()
