"""The HTTP side: OpenAI's paths, and /usage with what this provider counted."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from spanmeter_rag.provider import wire
from spanmeter_rag.provider.chance import draw, spread
from spanmeter_rag.provider.completion import complete
from spanmeter_rag.provider.conditions import DOWN, Conditions, Weather
from spanmeter_rag.provider.faults import Fault, Faults
from spanmeter_rag.provider.models import Kind, Model
from spanmeter_rag.provider.prefixes import PrefixCache
from spanmeter_rag.provider.record import Record
from spanmeter_rag.provider.request import (
    BadRequestError,
    EmbeddingsRequest,
    read_body,
    read_chat,
    read_embeddings,
)
from spanmeter_rag.provider.tokens import Tokenizer
from spanmeter_rag.provider.vectors import DIMENSIONS, embed


@dataclass(frozen=True, slots=True)
class Provider:
    """Everything a request needs; `speed` says how many times faster than a real provider it answers."""

    record: Record
    tokenizer: Tokenizer
    faults: Faults
    prefixes: PrefixCache
    speed: float
    weather: Weather = field(default_factory=Weather)

    def routes(self) -> list[Route]:
        """Return the paths and what serves them."""
        return [
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/v1/embeddings", self.embeddings, methods=["POST"]),
            Route("/v1/models", self.models),
            Route("/usage", self.usage),
            Route("/conditions", self.conditions, methods=["GET", "PUT"]),
            Route("/health", self.health),
        ]

    async def chat(self, request: Request) -> Response:
        """Answer from the context in the prompt, whole or streamed."""
        raw = await request.body()
        asked = read_chat(read_body(raw))
        if fault := await self._obstacle(raw, asked.model):
            return await self._refuse(fault, "chat", asked.model)
        completion = await run_in_threadpool(complete, asked, tokenizer=self.tokenizer, prefixes=self.prefixes)
        response_id = f"chatcmpl-{uuid.uuid4().hex}"
        pace = _Pace.of(asked.model, seed=raw, speed=self.speed)
        if asked.stream:
            answered = partial(
                self._answered, request, "chat", asked.model.release, completion.usage, id=response_id, stream=True
            )
            chunks = wire.chat_chunks(asked, completion, response_id)
            thinking_s = pace.token_s * completion.usage["completion_tokens_details"]["reasoning_tokens"]
            started_s = pace.first_token_s + thinking_s
            return StreamingResponse(_stream(chunks, started_s, pace.token_s, answered), media_type="text/event-stream")
        await asyncio.sleep(pace.first_token_s + pace.token_s * completion.output_tokens)
        self._answered(request, "chat", asked.model.release, completion.usage, id=response_id, stream=False)
        return JSONResponse(wire.chat_completion(asked, completion, response_id))

    async def embeddings(self, request: Request) -> Response:
        """Embed one text or many."""
        raw = await request.body()
        asked = read_embeddings(read_body(raw))
        if fault := await self._obstacle(raw, asked.model):
            return await self._refuse(fault, "embeddings", asked.model)
        pace = _Pace.of(asked.model, seed=raw, speed=self.speed)
        answer, _ = await asyncio.gather(run_in_threadpool(self._embed, asked), asyncio.sleep(pace.first_token_s))
        response_id = f"embd-{uuid.uuid4().hex}"
        self._answered(request, "embeddings", asked.model.release, answer["usage"], id=response_id, stream=False)
        return JSONResponse(answer)

    async def models(self, _: Request) -> Response:
        """List the models offered."""
        now = self.weather.now
        if now.down and not now.models:
            return JSONResponse(wire.error(DOWN.message, kind=DOWN.kind), DOWN.status)
        return JSONResponse(wire.models())

    async def conditions(self, request: Request) -> Response:
        """Tell what goes wrong, or have it go wrong from now on."""
        if request.method == "PUT":
            self.weather.now = Conditions.read(read_body(await request.body()))
        return JSONResponse(self.weather.now.as_dict())

    async def usage(self, _: Request) -> Response:
        """Tell what was counted: totals, by model, and every request."""
        report = {**self.record.report(), "tokenizer": self.tokenizer.name, "exact": self.tokenizer.exact}
        return JSONResponse(report)

    async def health(self, _: Request) -> Response:
        """Tell that the process serves."""
        return JSONResponse({"status": "up"})

    async def _obstacle(self, raw: bytes, model: Model) -> Fault | None:
        await asyncio.sleep(self.weather.delay_s(model.name))
        return self.weather.fault(model.name) or self.faults.check(raw)

    async def _refuse(self, fault: Fault, kind: Kind, model: Model) -> Response:
        await asyncio.sleep(0.02)
        self.record.refused(kind=kind, model=model.release, status=fault.status)
        headers = {} if fault.retry_after_ms is None else {"retry-after-ms": str(fault.retry_after_ms)}
        return JSONResponse(wire.error(fault.message, kind=fault.kind, code=fault.code), fault.status, headers)

    def _embed(self, asked: EmbeddingsRequest) -> dict[str, Any]:
        vectors = [embed(text, dimensions=asked.dimensions or DIMENSIONS) for text in asked.texts]
        tokens = sum(self.tokenizer.count(text) for text in asked.texts)
        return wire.embeddings(asked.model.release, vectors, base64_encoded=asked.base64, tokens=tokens)

    def _answered(self, request: Request, kind: Kind, model: str, usage: dict[str, Any], **told: Any) -> None:  # noqa: ANN401
        asked_for = request.headers.get("x-client-request-id", "")
        self.record.answered(kind=kind, model=model, usage=usage, request_id=asked_for, **told)


async def _stream(
    chunks: Iterable[dict[str, Any]], started_s: float, token_s: float, answered: Callable[[], None]
) -> AsyncIterator[str]:
    await asyncio.sleep(started_s)
    last = None
    for chunk in chunks:
        if last is not None:
            yield last
            await asyncio.sleep(token_s)
        last = wire.event(chunk)
    answered()
    yield (last or "") + wire.DONE


@dataclass(frozen=True, slots=True)
class _Pace:
    first_token_s: float
    token_s: float

    @classmethod
    def of(cls, model: Model, *, seed: bytes, speed: float) -> _Pace:
        factor = spread(draw("pace", hashlib.blake2b(seed).hexdigest())) / speed
        return cls(first_token_s=model.first_token_s * factor, token_s=factor / model.tokens_per_s)


def create_app(provider: Provider) -> Starlette:
    """Return the ASGI application of a provider."""
    return Starlette(routes=provider.routes(), exception_handlers={BadRequestError: _bad_request})


async def _bad_request(_: Request, fault: Exception) -> Response:
    return JSONResponse(wire.error(str(fault), kind="invalid_request_error"), 400)
