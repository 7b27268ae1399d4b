"""`/api/v1/reprice`: bring the ledger to the present prices, and how far that has come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from spanmeter.pricing import PriceBook, PriceFileError
from spanmeter_collector import repricing
from spanmeter_collector.answers import Refusal, RepriceAnswer, RepriceProgress
from spanmeter_collector.api_refusal import refuse_other_sites
from spanmeter_collector.description import REFUSALS, describe
from spanmeter_collector.json_body import read_body
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.response import respond
from spanmeter_collector.selection import Selection, read_fields, read_selection
from spanmeter_collector.store import Store


def add_repricing(
    api: FastAPI,
    store: Store,
    now: Callable[[], datetime],
    *,
    load_book: Callable[[], PriceBook],
    use_book: Callable[[PriceBook], None],
) -> None:
    """Let an API correct the ledger to the prices that `load_book` reads; `use_book` is told them first."""
    progress = repricing.Progress()

    def reprice(selection: Selection) -> RepriceAnswer:
        book = _current(load_book)
        if not repricing.is_dry_run(selection):
            use_book(book)
        return repricing.reprice(store, book, selection, progress=progress)

    _add_corrections(api, reprice, progress, now)


def _add_corrections(
    api: FastAPI,
    reprice: Callable[[Selection], RepriceAnswer],
    progress: repricing.Progress,
    now: Callable[[], datetime],
) -> None:
    @api.get("/api/v1/reprice", response_model=RepriceProgress)
    def get_reprice() -> Response:
        """How far the repricing has come that is under way."""
        return respond(RepriceProgress(share=progress.share))

    @api.post(
        "/api/v1/reprice",
        response_model=RepriceAnswer,
        responses={**REFUSALS, 403: {"model": Refusal}},
        openapi_extra=describe(repricing.OPTIONS),
    )
    async def post_reprice(request: Request) -> Response:
        """Bring the calls of a period to the present prices: parameters in the query, or the same in a JSON object."""
        refuse_other_sites(request)
        asked = [*request.query_params.multi_items(), *read_fields(await read_body(request.stream()))]
        selection = read_selection(asked, repricing.OPTIONS, now=now())
        return respond(await run_in_threadpool(reprice, selection))


def _current(load_book: Callable[[], PriceBook]) -> PriceBook:
    try:
        return load_book()
    except PriceFileError as error:
        raise QuestionError(str(error)) from error
