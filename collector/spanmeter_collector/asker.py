"""Who waits for an answer: when a client goes away, what the engine still does for it is stopped."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_NO_BODY: Final[Message] = {"type": "http.request", "body": b"", "more_body": False}


class GoneError(RuntimeError):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class Asker:
    """One request that waits: the name that the engine knows its queries by, and whether it has gone away."""

    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    gone: Event = field(default_factory=Event)


ASKER: Final[ContextVar[Asker | None]] = ContextVar("asker", default=None)
"""Who waits for what is asked of the store in this context; None for the sidecar itself."""


def heeding(app: App, stop: Callable[[Asker], None]) -> App:
    """The same application, but `stop` is called once a client has gone away before a GET of its was answered.

    So it is where the sidecar stops before.
    """

    async def heedful(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        asker = Asker()
        ASKER.set(asker)
        watch = asyncio.create_task(_watch(receive, asker, stop))
        try:
            await app(scope, _received(watch), send)
        except asyncio.CancelledError:  # the sidecar stops, and does not wait
            asker.gone.set()
            stop(asker)
            raise
        finally:
            watch.cancel()

    return heedful


async def _watch(receive: Receive, asker: Asker, stop: Callable[[Asker], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    asker.gone.set()
    await run_in_threadpool(stop, asker)


def _received(watch: asyncio.Task[None]) -> Receive:
    """What the application reads: that a GET has no body, and later that the client has gone."""
    messages = iter([_NO_BODY])

    async def receive() -> Message:
        if (message := next(messages, None)) is not None:
            return message
        await asyncio.wait([watch])
        return {"type": "http.disconnect"}

    return receive
