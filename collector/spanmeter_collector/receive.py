"""The OTLP/HTTP door: a plain ASGI application for POST /v1/traces and /v1/metrics.

Answers and errors follow https://opentelemetry.io/docs/specs/otlp/#otlphttp.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

from spanmeter_collector import otlp
from spanmeter_collector.bearer import is_authorized
from spanmeter_collector.otlp import MalformedError, Request, Signal
from spanmeter_collector.pipeline import Pipeline, UnavailableError
from spanmeter_collector.status import Status

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST_BYTES: Final = 16 * 2**20
_PATHS: Final[Mapping[str, Signal]] = {"/v1/traces": Signal.TRACES, "/v1/metrics": Signal.METRICS}
_MOST_BYTES_AT_ONCE: Final = 128 * 2**20
_LONGEST_BODY_S: Final = 30
_LARGE_BODY: Final = 64 * 2**10
_RETRY_AFTER: Final = (b"retry-after", b"2")


class Refusal(Exception):  # noqa: N818  a refusal is an answer, not an error of ours
    """Why a request is answered with an error: HTTP status, google.rpc code, reason for the counter, sentence."""

    def __init__(self, status: int, code: int, reason: str, sentence: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.reason = reason
        self.headers = headers


@dataclass(slots=True)
class _Room:
    """How many more bytes of bodies may be held at once."""

    left: int = _MOST_BYTES_AT_ONCE


@dataclass(frozen=True, slots=True)
class Door:
    """Takes requests in for a pipeline; with a token it asks for it."""

    pipeline: Pipeline
    status: Status
    token: str = ""
    _room: _Room = field(default_factory=_Room)

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
            body = otlp.write_status(refusal.code, str(refusal), content_type=answer_type)
            await _answer(send, refusal.status, answer_type, body, *refusal.headers)

    async def _accept(self, scope: Scope, headers: Mapping[bytes, bytes], content_type: str, receive: Receive) -> bytes:
        signal = _signal(scope)
        if not is_authorized(headers.get(b"authorization", b""), self.token):
            sentence = "the header Authorization: Bearer <SPANMETER_INGEST_TOKEN> is missing or wrong"
            raise Refusal(401, 16, "unauthorized", sentence, (b"www-authenticate", b"Bearer"))
        if content_type not in {otlp.JSON, otlp.PROTOBUF}:
            sentence = f"content type {content_type!r} is not {otlp.PROTOBUF} or {otlp.JSON}"
            raise Refusal(415, 3, "content_type", sentence)
        chunks: list[bytes] = []
        try:
            await _fill(chunks, headers, receive, self._room)
            return await self._take(signal, b"".join(chunks), headers, content_type)
        finally:
            self._room.left += sum(map(len, chunks))

    async def _take(self, signal: Signal, sent: bytes, headers: Mapping[bytes, bytes], content_type: str) -> bytes:
        body = _decoded(headers.get(b"content-encoding", b"").decode("latin-1").lower(), sent)
        request = await _parsed(signal, body, content_type)
        await self._submit(signal, request, body if content_type == otlp.PROTOBUF else request.SerializeToString())
        return otlp.write_answer(signal, content_type=content_type, refused=otlp.refused_spans(request))

    async def _submit(self, signal: Signal, request: Request, body: bytes) -> None:
        try:
            await asyncio.wrap_future(self.pipeline.submit(signal, request, body, transport="http"))
        except UnavailableError as error:
            raise Refusal(503, 14, "overloaded", str(error), _RETRY_AFTER) from error
        except OSError as error:
            raise Refusal(503, 14, "log", f"the log cannot be written: {error}", _RETRY_AFTER) from error


def _signal(scope: Scope) -> Signal:
    signal = _PATHS.get(scope["path"])
    if signal is None:
        raise Refusal(404, 5, "path", f"there is no {scope['path']}; OTLP goes to {' and '.join(_PATHS)}")
    if scope["method"] != "POST":
        raise Refusal(405, 12, "method", f"{scope['path']} takes POST, not {scope['method']}", (b"allow", b"POST"))
    return signal


async def _fill(chunks: list[bytes], headers: Mapping[bytes, bytes], receive: Receive, room: _Room) -> None:
    """Read the body; every byte is taken from the room, and whoever has the chunks gives it back."""
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > MOST_BYTES:
        raise _too_large()
    size = 0
    try:
        async with asyncio.timeout(_LONGEST_BODY_S):
            async for chunk in _chunks(receive):
                chunks.append(chunk)
                room.left -= len(chunk)
                size += len(chunk)
                if size > MOST_BYTES:
                    raise _too_large()
                if room.left < 0:
                    raise Refusal(
                        503, 14, "overloaded", "too many bodies come in at once; try again later", _RETRY_AFTER
                    )
    except TimeoutError as error:
        raise Refusal(408, 4, "slow", f"the body did not come within {_LONGEST_BODY_S} s") from error


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Refusal(400, 1, "disconnected", "the sender left before the body ended")
        yield event.get("body", b"")
        more = event.get("more_body", False)


def _decoded(encoding: str, body: bytes) -> bytes:
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise Refusal(415, 3, "content_encoding", f"content encoding {encoding!r} is not gzip or identity")
    try:
        return _gunzip(body)
    except zlib.error as error:
        raise Refusal(400, 3, "malformed", f"the body is not gzip: {error}") from error


def _gunzip(body: bytes) -> bytes:
    parts, left = [], MOST_BYTES
    while body:
        stream = zlib.decompressobj(wbits=31)
        parts.append(stream.decompress(body, left + 1))
        left -= len(parts[-1])
        if left < 0:
            raise _too_large()
        if not stream.eof:
            raise zlib.error("the stream is cut off")
        body = stream.unused_data
    return b"".join(parts)


async def _parsed(signal: Signal, body: bytes, content_type: str) -> Request:
    try:
        if len(body) > _LARGE_BODY:
            return await asyncio.to_thread(otlp.parse, signal, body, content_type=content_type)
        return otlp.parse(signal, body, content_type=content_type)
    except MalformedError as error:
        raise Refusal(400, 3, "malformed", str(error)) from error


def _too_large() -> Refusal:
    return Refusal(413, 8, "too_large", f"the body is larger than {MOST_BYTES} bytes; send smaller batches")


async def _answer(send: Send, status: int, content_type: str, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    about = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": about})
    await send({"type": "http.response.body", "body": body})
