"""The service: `POST /query` answers a question about Python; /health, /ready and /metrics tell how it is."""

from __future__ import annotations

import asyncio
import math
import re
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace

import spanmeter
from spanmeter.metrics import exposition
from spanmeter_rag.breaker import refusal
from spanmeter_rag.caches import Caches
from spanmeter_rag.clients import Clients
from spanmeter_rag.messages import Query, Reply, cited
from spanmeter_rag.patience import PROVIDER_ERRORS, is_outage
from spanmeter_rag.readiness import OK, has_failed, indexes_check, models_check, provider_check, telemetry
from spanmeter_rag.requests import Question, Requests
from spanmeter_rag.settings import Settings
from spanmeter_rag.spending import limit_spending
from spanmeter_rag.workload import Workload, build

_log = structlog.stdlib.get_logger()
_PROBES: Final = frozenset({"/health", "/ready", "/metrics"})
_REQUEST_ID: Final = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_BUILD_AGAIN_S: Final = 2.0
_EXPECTED: Final = (*PROVIDER_ERRORS, spanmeter.BudgetExceeded)


class NotReadyError(Exception):
    """The indexes are not there; the message says why."""


def create_app(settings: Settings, requests: Requests) -> FastAPI:
    """Return the application; the indexes are built in the background once it has started."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.budget = limit_spending(settings)
        app.state.building = asyncio.ensure_future(_build(app.state.clients, requests))
        yield
        app.state.building.cancel()
        await app.state.clients.close()

    config: TelemetryConfig = {"exclude": _is_probe, "operation_spans": False}
    app = FastAPI(title="Answers about Python", lifespan=lifespan, telemetry=config)
    app.state.settings = settings
    app.state.clients = Clients(settings, Caches(settings.caching))
    app.state.requests = requests
    app.state.was_away = False
    app.post("/query")(query)
    app.get("/health")(health)
    app.get("/ready")(ready)
    app.get("/metrics")(metrics)
    app.exception_handler(NotReadyError)(_not_ready)
    for kind in PROVIDER_ERRORS:
        app.exception_handler(kind)(_provider_failed)
    app.exception_handler(spanmeter.BudgetExceeded)(_budget_exceeded)
    app.exception_handler(Exception)(_failed)
    return app


async def query(asked: Query, request: Request, response: Response) -> Reply:
    """Answer a question; all calls made for it are one trace, named by `X-Request-ID` where that is sent."""
    building: asyncio.Future[Workload] = request.app.state.building
    if (reason := indexes_check(building)) != OK:
        raise NotReadyError(f"the indexes are {reason}")
    requests: Requests = request.app.state.requests
    request_id = _request_id(request)
    request.state.request_id = response.headers["X-Request-ID"] = request_id
    with (
        spanmeter.context(
            user=asked.user,
            session=asked.session,
            tenant=asked.tenant,
            feature="answer",
            team="documentation",
            request_id=request_id,
        ),
        requests.measure(way=asked.way, mode=asked.mode) as question,
        _told_when_failing(question, asked.mode),
    ):
        question.request_id = request_id
        return await _reply(asked, building.result(), requests, question)


async def health(request: Request) -> JSONResponse:
    """Tell what the parts do; 503 once the indexes cannot be built any more, which only a restart mends."""
    failed = has_failed(request.app.state.building)
    told = {"components": _components(request), "telemetry": telemetry()}
    return JSONResponse({"status": "failed" if failed else "up", **told}, 503 if failed else 200)


async def ready(request: Request) -> JSONResponse:
    """Tell whether questions get a reply, and what is missing.

    Without its provider the service replies with passages alone: ready and `degraded`, for to take it out of service
    would leave people without any reply. With RAG_DEGRADED=off it is not ready.
    """
    settings: Settings = request.app.state.settings
    checks = {**_components(request), "provider": await provider_check(settings)}
    asks_models = checks["provider"] == OK
    _note_provider(request, is_there=asks_models)
    is_ready = checks["indexes"] == OK and (asks_models or settings.resilience.degraded)
    told = {"ready": is_ready, "degraded": is_ready and not asks_models, "checks": checks}
    return JSONResponse(told, 200 if is_ready else 503)


def _note_provider(request: Request, *, is_there: bool) -> None:
    """Have every model tried at once when the provider is back, and not only when its breaker's time is over."""
    state = request.app.state
    if is_there and state.was_away:
        for breaker in state.clients.breakers.values():
            breaker.try_now()
    state.was_away = not is_there


async def metrics(request: Request) -> Response:
    """Expose the requests, and the calls made for them, to Prometheus."""
    requests: Requests = request.app.state.requests
    calls, content_type = exposition()
    return Response(requests.exposition() + calls, media_type=content_type)


@spanmeter.track("query")
async def _reply(asked: Query, workload: Workload, requests: Requests, question: Question) -> Reply:
    started = time.perf_counter()
    with requests.effects.gather() as told:
        if asked.way == "auto":
            question.way = await workload.router.choose(asked.question)
        outcome = await workload.ladders[question.way].answer(asked.question, asked.mode)
    question.outcome = "degraded" if outcome.reason else "answered"
    said = {"way": question.way, "mode": asked.mode, "model": outcome.model, "sources": len(outcome.answer.sources)}
    _log.info(question.outcome, seconds=round(time.perf_counter() - started, 3), reason=outcome.reason, **said)
    return Reply(
        answer=outcome.answer.text,
        sources=cited(outcome.answer.sources),
        trace_id=trace.format_trace_id(trace.get_current_span().get_span_context().trace_id),
        request_id=question.request_id,
        way=question.way,
        mode=asked.mode,
        model=outcome.model,
        degraded=bool(outcome.reason),
        reason=outcome.reason,
        effects=told,
    )


async def _build(clients: Clients, requests: Requests) -> Workload:
    """Build until it succeeds: a provider that is down at the start comes back."""
    while True:
        try:
            with spanmeter.context(feature="index", team="documentation"):
                return await asyncio.to_thread(_index, clients, requests)
        except PROVIDER_ERRORS as error:
            if not is_outage(error):
                raise
            _log.warning("indexes not built", error=type(error).__name__, again_in_s=_BUILD_AGAIN_S)
        await asyncio.sleep(_BUILD_AGAIN_S)


@spanmeter.track("index")
def _index(clients: Clients, requests: Requests) -> Workload:
    started = time.perf_counter()
    with requests.effects.gather():
        workload = build(clients)
    _log.info("indexes built", seconds=round(time.perf_counter() - started, 3))
    return workload


def _components(request: Request) -> dict[str, str]:
    breakers = request.app.state.clients.breakers
    return {"indexes": indexes_check(request.app.state.building), "models": models_check([*breakers.values()])}


def _request_id(request: Request) -> str:
    given = request.headers.get("X-Request-ID", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    return scope.get("path") in _PROBES


@contextmanager
def _told_when_failing(question: Question, mode: str) -> Iterator[None]:
    """Log a question that fails while it is known whose it is, with a traceback where nobody expected the error."""
    try:
        yield
    finally:
        if isinstance(error := sys.exception(), Exception):
            told = refusal(error) or error
            said = {"way": question.way, "mode": mode, "error_type": type(told).__name__}
            _log.error("failed", exc_info=not isinstance(error, _EXPECTED), **said)


def _refused(request: Request, status: int, error: str, **headers: str) -> JSONResponse:
    """The reply to a question that failed, with its id where it was given one."""
    if request_id := getattr(request.state, "request_id", ""):
        headers["X-Request-ID"] = request_id
    return JSONResponse({"error": error}, status, headers)


async def _not_ready(request: Request, error: Exception) -> JSONResponse:
    return _refused(request, 503, str(error), **{"Retry-After": "2"})


async def _budget_exceeded(request: Request, error: Exception) -> JSONResponse:
    resets_at: datetime | None = getattr(error, "resets_at", None)
    wait_s = max(1, math.ceil((resets_at - datetime.now(UTC)).total_seconds())) if resets_at else None
    return _refused(request, 429, str(error), **({} if wait_s is None else {"Retry-After": str(wait_s)}))


async def _provider_failed(request: Request, error: Exception) -> JSONResponse:
    told = refusal(error) or error
    return _refused(request, 502, f"the provider failed: {type(told).__name__}: {told}")


async def _failed(request: Request, _: Exception) -> JSONResponse:
    return _refused(request, 500, "the service failed; its log says why, by X-Request-ID")
