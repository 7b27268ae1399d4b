"""The OTLP/HTTP door: a plain ASGI application for POST /v1/traces and /v1/metrics.

Answers and errors follow https://opentelemetry.io/docs/specs/otlp/#otlphttp.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from spanmeter_collector import encoding, otlp
from spanmeter_collector.bearer import NO_TOKENS, Tokens
from spanmeter_collector.body import MOST_BYTES, Receive, Room, fill, too_large
from spanmeter_collector.encoding import ENCODINGS, EncodingError, TooLargeError
from spanmeter_collector.intake import Intake, Redact, TooManySpansError, take_in
from spanmeter_collector.otlp import MalformedError, Signal
from spanmeter_collector.otlp_answer import write_answer
from spanmeter_collector.pipeline import Pipeline, UnavailableError
from spanmeter_collector.refusal import Refusal
from spanmeter_collector.status import Status

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PATHS: Final[Mapping[str, Signal]] = {"/v1/traces": Signal.TRACES, "/v1/metrics": Signal.METRICS}
_LARGE_PROTOBUF: Final = 2**20
_LARGE_OTHER: Final = 64 * 2**10
"""From these bytes on a body is read in a thread of its own; JSON and what is compressed take longer a byte."""
_PATIENCE_S: Final = 0.5
"""How long a sender that is to wait waits for this answer: not all heed `Retry-After`, and refusing takes time."""


@dataclass(frozen=True, slots=True)
class Door:
    """Takes requests in for a pipeline; with tokens it asks for one."""

    pipeline: Pipeline
    status: Status
    tokens: Tokens = NO_TOKENS
    redact: Redact | None = None
    _room: Room = field(default_factory=Room)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        headers = dict(scope["headers"])
        content_type = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        answer_type = otlp.PROTOBUF if content_type == otlp.PROTOBUF else otlp.JSON
        try:
            body = await self._accept(scope, headers, content_type, receive)
            await _answer(send, 200, answer_type, body)
        except Refusal as refusal:
            self.status.refused_requests.labels(reason=refusal.reason).inc()
            await asyncio.sleep(min(refusal.wait_s, _PATIENCE_S))
            await _answer(send, refusal.status, answer_type, refusal.body(answer_type), *refusal.headers)

    async def _accept(self, scope: Scope, headers: Mapping[bytes, bytes], content_type: str, receive: Receive) -> bytes:
        signal = _signal(scope)
        if not self.tokens.admits([said for name, said in scope["headers"] if name == b"authorization"]):
            sentence = "the header Authorization: Bearer <SPANMETER_INGEST_TOKEN> is missing or wrong"
            raise Refusal("unauthorized", sentence, (b"www-authenticate", b"Bearer"))
        if content_type not in {otlp.JSON, otlp.PROTOBUF}:
            sentence = f"content type {content_type!r} is not {otlp.PROTOBUF} or {otlp.JSON}"
            raise Refusal("content_type", sentence)
        chunks: list[bytes] = []
        try:
            await fill(chunks, headers.get(b"content-length", b""), receive, self._room)
            said = headers.get(b"content-encoding", b"").decode("latin-1")
            with _refusing():
                self.pipeline.check_room()
            intake = await self._taken_in(signal, b"".join(chunks), said, content_type)
            await self._submit(signal, intake)
        finally:
            self._room.give_back(sum(map(len, chunks)))
            chunks.clear()
        self.status.note_intake(refused=len(intake.refused), too_old=intake.too_old, lost=intake.lost)
        return write_answer(signal, intake, content_type=content_type)

    async def _taken_in(self, signal: Signal, sent: bytes, said: str, content_type: str) -> Intake:
        plain = content_type == otlp.PROTOBUF and not said
        closed = self.pipeline.closed_days
        read = partial(take_in, content_type=content_type, closed=closed, redact=self.redact)
        if len(sent) < (_LARGE_PROTOBUF if plain else _LARGE_OTHER):
            return _take_in(signal, sent, said, read)
        return await asyncio.to_thread(_take_in, signal, sent, said, read)

    async def _submit(self, signal: Signal, intake: Intake) -> None:
        with _refusing():
            await asyncio.wrap_future(self.pipeline.submit(signal, intake, transport="http"))


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except UnavailableError as error:
        raise Refusal(error.reason, str(error), wait_s=error.wait_s) from error
    except OSError as error:
        sentence = f"the log cannot be written: {error}"
        raise Refusal("log", sentence, wait_s=UnavailableError.wait_s) from error


def _signal(scope: Scope) -> Signal:
    signal = _PATHS.get(scope["path"])
    if signal is None:
        raise Refusal("path", f"there is no {scope['path']}; OTLP goes to {' and '.join(_PATHS)}")
    if scope["method"] != "POST":
        raise Refusal("method", f"{scope['path']} takes POST, not {scope['method']}", (b"allow", b"POST"))
    return signal


def _take_in(signal: Signal, sent: bytes, said: str, read: Callable[[Signal, bytes], Intake]) -> Intake:
    try:
        return read(signal, encoding.decode(said, sent, most_bytes=MOST_BYTES))
    except LookupError as error:
        known = ", ".join(ENCODINGS)
        sentence = f"content encoding {said!r} is none of {known}"
        raise Refusal("content_encoding", sentence, (b"accept-encoding", known.encode())) from error
    except TooLargeError as error:
        raise too_large() from error
    except TooManySpansError as error:
        raise Refusal("too_many_spans", str(error)) from error
    except (EncodingError, MalformedError) as error:
        raise Refusal("malformed", str(error)) from error


async def _answer(send: Send, status: int, content_type: str, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    about = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": about})
    await send({"type": "http.response.body", "body": body})
