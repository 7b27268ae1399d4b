"""`/api/v1/caches` and `/api/v1/prompt-caching`: what applications' caches saved, how providers' are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from fastapi import FastAPI, Request, Response

from spanmeter_collector import caches, prompt_caching
from spanmeter_collector.answers import Answer
from spanmeter_collector.caches_answer import CachesAnswer, PromptCachingAnswer
from spanmeter_collector.selection import Options, read_selection
from spanmeter_collector.store import Store

Describe = Callable[[Options], dict[str, Any]]


def add_caches(
    api: FastAPI, store: Store, now: Callable[[], datetime], *, describe: Describe, refusals: Mapping[int | str, Any]
) -> None:
    """Let an API answer what caches did; `describe` and `refusals` tell of parameters and errors as for all paths."""

    @api.get(
        "/api/v1/caches",
        response_model=CachesAnswer,
        responses={**refusals},
        openapi_extra=describe(caches.OPTIONS),
    )
    def get_caches(request: Request) -> Response:
        """How often applications' caches answered, and the dollars that saved, by cache or any other dimension."""
        selection = read_selection(request.query_params.multi_items(), caches.OPTIONS, now=now())
        return _json(caches.answer_caches(store, selection))

    @api.get(
        "/api/v1/prompt-caching",
        response_model=PromptCachingAnswer,
        responses={**refusals},
        openapi_extra=describe(prompt_caching.OPTIONS),
    )
    def get_prompt_caching(request: Request) -> Response:
        """What providers' prompt caches were read, written with, and written with and never read."""
        asked = now()
        selection = read_selection(request.query_params.multi_items(), prompt_caching.OPTIONS, now=asked)
        return _json(prompt_caching.answer_prompt_caching(store, selection, now=asked))


def _json(answer: Answer) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")
