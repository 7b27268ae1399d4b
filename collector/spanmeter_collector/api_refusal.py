"""How the API refuses: every error is one sentence in JSON, `{"error": sentence}`."""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import urlsplit

from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from spanmeter_collector.answers import Refusal
from spanmeter_collector.asker import GoneError
from spanmeter_collector.connection import said
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.response import respond
from spanmeter_collector.room import RoomError
from spanmeter_collector.trace import UnknownTraceError

_STOPPED: Final = "QUERY_WAS_CANCELLED"
_LESS: Final = "ask for a shorter period, fewer dimensions or more filters"
_TOO_MUCH: Final = {
    "TIMEOUT_EXCEEDED": (503, f"the store could not answer in time; {_LESS}"),
    "MEMORY_LIMIT_EXCEEDED": (503, f"the answer needs more memory than a question may take; {_LESS}"),
    "TOO_MANY_ROWS": (400, f"the answer has too many groups; {_LESS}"),
}
"""What the engine says when a question goes beyond a limit, and what the asker is told."""

_log = logging.getLogger(__name__)


def add_refusals(api: FastAPI) -> None:
    """Let an API refuse bad questions with 400, unknown routes and traces with 404.

    A store that cannot answer gives 503, what goes beyond a limit 400 or 503, and who has gone gets nothing, 499.
    """
    _add_excuses(api)

    @api.exception_handler(QuestionError)
    def refuse_question(_: Request, error: QuestionError) -> Response:
        return respond(Refusal(error=str(error)), status_code=400)

    @api.exception_handler(UnknownTraceError)
    def miss_trace(_: Request, error: UnknownTraceError) -> Response:
        return respond(Refusal(error=str(error)), status_code=404)

    @api.exception_handler(HTTPException)
    def refuse_route(request: Request, error: HTTPException) -> Response:
        what = "there is no" if error.status_code == 404 else f"{error.detail}:"
        sentence = f"{what} {request.method} {request.url.path}; see /api/v1/openapi.json for what there is"
        return respond(Refusal(error=sentence), status_code=error.status_code, headers=error.headers)


def _add_excuses(api: FastAPI) -> None:
    @api.exception_handler(ClickHouseError)
    def excuse_store(request: Request, error: ClickHouseError) -> Response:
        for word, (status_code, sentence) in _TOO_MUCH.items():
            if word in str(error):
                headers = {"retry-after": "5"} if status_code == 503 else {}
                return respond(Refusal(error=sentence), status_code=status_code, headers=headers)
        if isinstance(error, OperationalError):
            _log.error("the store could not answer %s: %s", request.url.path, said(error))
        elif _STOPPED not in str(error):
            _log.error("the store could not answer %s", request.url.path, exc_info=error)
        sentence = "the store could not answer; the sidecar's log says why"
        return respond(Refusal(error=sentence), status_code=503, headers={"retry-after": "5"})

    @api.exception_handler(RoomError)
    def wait_for_room(_: Request, error: RoomError) -> Response:
        return respond(Refusal(error=str(error)), status_code=503, headers={"retry-after": "10"})

    @api.exception_handler(ClientDisconnect)
    @api.exception_handler(GoneError)
    def tell_nobody(_: Request, __: Exception) -> Response:
        return respond(Refusal(error="nobody waits for this answer"), status_code=499)


def refuse_other_sites(request: Request) -> None:
    """Refuse what a page of another site makes a visitor's browser send here; the browser says so in `Origin`.

    Raises:
        HTTPException: 403, the request comes from such a page.
    """
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "Pages of other sites are refused")
