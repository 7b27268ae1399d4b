"""`/api/v1/caches` and `/api/v1/prompt-caching`: what applications' caches saved, how providers' are used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI, Request, Response

from spanmeter.pricing import PriceBook
from spanmeter_collector import caches, prompt_caching
from spanmeter_collector.caches_answer import CachesAnswer, PromptCachingAnswer
from spanmeter_collector.description import REFUSALS, describe
from spanmeter_collector.response import respond
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store


def add_caches(api: FastAPI, store: Store, book: Callable[[], PriceBook], now: Callable[[], datetime]) -> None:
    """Let an API answer what caches did; `book` is the one that calls are charged by at that time."""

    @api.get(
        "/api/v1/caches",
        response_model=CachesAnswer,
        responses=REFUSALS,
        openapi_extra=describe(caches.OPTIONS),
    )
    def get_caches(request: Request) -> Response:
        """How often applications' caches answered, and the dollars that saved, by cache or any other dimension."""
        selection = read_selection(request.query_params.multi_items(), caches.OPTIONS, now=now())
        return respond(caches.answer_caches(store, selection))

    @api.get(
        "/api/v1/prompt-caching",
        response_model=PromptCachingAnswer,
        responses=REFUSALS,
        openapi_extra=describe(prompt_caching.OPTIONS),
    )
    def get_prompt_caching(request: Request) -> Response:
        """What providers' prompt caches were read, written with, written with in vain, and what they saved."""
        asked = now()
        selection = read_selection(request.query_params.multi_items(), prompt_caching.OPTIONS, now=asked)
        return respond(prompt_caching.answer_prompt_caching(store, book(), selection, now=asked))
