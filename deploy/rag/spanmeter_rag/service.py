"""The service: `POST /query` answers a question about Python; /health, /ready and /metrics tell how it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import openai
import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from pydantic import BaseModel, Field

import spanmeter
from spanmeter.metrics import exposition
from spanmeter_rag.answer import Answer, Mode, Way
from spanmeter_rag.readiness import OK, indexes_check, provider_check
from spanmeter_rag.requests import Requests
from spanmeter_rag.settings import Settings
from spanmeter_rag.workload import Route, Workload, build

_log = structlog.stdlib.get_logger()
_PROBES = frozenset({"/health", "/ready", "/metrics"})
_Label = Annotated[str, Field(max_length=200)]


class Query(BaseModel):
    """What is asked, how it is to be answered, and for whom."""

    question: Annotated[str, Field(min_length=1, max_length=2000)]
    way: Literal["langchain", "llama_index", "mixed", "langgraph"] = "langchain"
    mode: Mode = "async"
    user: _Label | None = None
    session: _Label | None = None
    tenant: _Label | None = None


class Cited(BaseModel):
    """A passage the answer rests on."""

    id: str
    title: str
    score: float


class Reply(BaseModel):
    """An answer, what it rests on, and the trace that shows what it cost."""

    answer: str
    sources: list[Cited]
    trace_id: str
    way: str
    mode: str
    model: str


class NotReadyError(Exception):
    """The indexes are not there; the message says why."""


def create_app(settings: Settings, requests: Requests) -> FastAPI:
    """Return the application; the indexes are built in the background once it has started."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.building = asyncio.ensure_future(asyncio.to_thread(_build, settings))
        yield

    telemetry: TelemetryConfig = {"exclude": _is_probe, "operation_spans": False}
    app = FastAPI(title="Answers about Python", lifespan=lifespan, telemetry=telemetry)
    app.state.settings = settings
    app.state.requests = requests
    app.post("/query")(query)
    app.get("/health")(health)
    app.get("/ready")(ready)
    app.get("/metrics")(metrics)
    app.exception_handler(NotReadyError)(_not_ready)
    app.exception_handler(openai.APIError)(_provider_failed)
    return app


async def query(asked: Query, request: Request) -> Reply:
    """Answer a question; all calls made for it are one trace."""
    building: asyncio.Future[Workload] = request.app.state.building
    if (reason := indexes_check(building)) != OK:
        raise NotReadyError(f"the indexes are {reason}")
    requests: Requests = request.app.state.requests
    with (
        requests.measure(way=asked.way, mode=asked.mode),
        spanmeter.context(
            user=asked.user, session=asked.session, tenant=asked.tenant, feature="answer", team="documentation"
        ),
    ):
        return await _reply(asked, building.result()[asked.way])


async def health() -> dict[str, str]:
    """Tell that the process is up."""
    return {"status": "up"}


async def ready(request: Request) -> JSONResponse:
    """Tell whether questions can be answered, and what is missing if not."""
    checks = {
        "indexes": indexes_check(request.app.state.building),
        "provider": await provider_check(request.app.state.settings),
    }
    well = all(reason == OK for reason in checks.values())
    return JSONResponse({"ready": well, "checks": checks}, 200 if well else 503)


async def metrics(request: Request) -> Response:
    """Expose the requests, and the calls made for them, to Prometheus."""
    requests: Requests = request.app.state.requests
    calls, content_type = exposition()
    return Response(requests.exposition() + calls, media_type=content_type)


@spanmeter.track("query")
async def _reply(asked: Query, route: Route) -> Reply:
    started = time.perf_counter()
    answer = await _ask(route.way, asked.question, asked.mode)
    took_s = round(time.perf_counter() - started, 3)
    _log.info("answered", way=asked.way, mode=asked.mode, seconds=took_s, sources=len(answer.sources))
    return Reply(
        answer=answer.text,
        sources=[Cited(id=source.id, title=source.title, score=round(source.score, 4)) for source in answer.sources],
        trace_id=trace.format_trace_id(trace.get_current_span().get_span_context().trace_id),
        way=asked.way,
        mode=asked.mode,
        model=route.model,
    )


async def _ask(way: Way, question: str, mode: Mode) -> Answer:
    if mode == "sync":
        return await asyncio.to_thread(way.ask, question)
    return await (way.ask_async(question) if mode == "async" else way.ask_streaming(question))


def _build(settings: Settings) -> Workload:
    with spanmeter.context(feature="index", team="documentation"):
        return _index(settings)


@spanmeter.track("index")
def _index(settings: Settings) -> Workload:
    started = time.perf_counter()
    workload = build(settings)
    _log.info("indexes built", seconds=round(time.perf_counter() - started, 3))
    return workload


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    return scope.get("path") in _PROBES


async def _not_ready(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 503, {"Retry-After": "2"})


async def _provider_failed(_: Request, error: Exception) -> JSONResponse:
    _log.warning("provider failed", error=type(error).__name__)
    return JSONResponse({"error": f"the provider failed: {type(error).__name__}: {error}"}, 502)
