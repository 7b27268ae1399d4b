"""`/api/v1/cost`, `latency`, `duplicates`, `traces` and `losses`: what is asked of spans and the ledger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI, Request, Response

from spanmeter_collector import cost, duplicates, latency, losses, traces
from spanmeter_collector.answers import (
    CostAnswer,
    DuplicatesAnswer,
    LatencyAnswer,
    Refusal,
    TracesAnswer,
)
from spanmeter_collector.description import REFUSALS, describe
from spanmeter_collector.losses_answer import LossesAnswer
from spanmeter_collector.response import respond
from spanmeter_collector.selection import Options, Selection, read_selection
from spanmeter_collector.store import Store
from spanmeter_collector.trace import answer_trace
from spanmeter_collector.trace_answer import TraceAnswer

Read = Callable[[Request, Options], Selection]


def add_questions(api: FastAPI, store: Store, now: Callable[[], datetime], *, stores_content: bool) -> None:
    """Let an API answer what calls cost, how long spans took, which were counted once, and what a trace did."""

    def read(request: Request, options: Options) -> Selection:
        return read_selection(request.query_params.multi_items(), options, now=now())

    _add_figures(api, store, read)
    _add_traces(api, store, read, stores_content=stores_content)


def add_losses(api: FastAPI, store: Store, options: Options, now: Callable[[], datetime]) -> None:
    """Let an API answer what the ledger lacks of what applications counted; `options` has the settling time."""

    @api.get("/api/v1/losses", response_model=LossesAnswer, responses=REFUSALS, openapi_extra=describe(options))
    def get_losses(request: Request) -> Response:
        """What each application process counted itself and the ledger lacks, after a settling time."""
        asked = now()
        selection = read_selection(request.query_params.multi_items(), options, now=asked)
        return respond(losses.answer_losses(store, selection, now=asked))


def _add_figures(api: FastAPI, store: Store, read: Read) -> None:
    @api.get("/api/v1/cost", response_model=CostAnswer, responses=REFUSALS, openapi_extra=describe(cost.OPTIONS))
    def get_cost(request: Request) -> Response:
        """What calls cost, by dimension and in total."""
        return respond(cost.answer_cost(store, read(request, cost.OPTIONS)))

    @api.get(
        "/api/v1/latency", response_model=LatencyAnswer, responses=REFUSALS, openapi_extra=describe(latency.OPTIONS)
    )
    def get_latency(request: Request) -> Response:
        """How long spans took, by dimension and in total."""
        return respond(latency.answer_latency(store, read(request, latency.OPTIONS)))

    @api.get(
        "/api/v1/duplicates",
        response_model=DuplicatesAnswer,
        responses=REFUSALS,
        openapi_extra=describe(duplicates.OPTIONS),
    )
    def get_duplicates(request: Request) -> Response:
        """Which spans were not counted, because another one tells of the same call, and why."""
        return respond(duplicates.answer_duplicates(store, read(request, duplicates.OPTIONS)))


def _add_traces(api: FastAPI, store: Store, read: Read, *, stores_content: bool) -> None:
    @api.get("/api/v1/traces", response_model=TracesAnswer, responses=REFUSALS, openapi_extra=describe(traces.OPTIONS))
    def get_traces(request: Request) -> Response:
        """The traces of a period; every filter has to be met by some span of a trace."""
        return respond(traces.answer_traces(store, read(request, traces.OPTIONS)))

    @api.get("/api/v1/traces/{trace_id}", response_model=TraceAnswer, responses={**REFUSALS, 404: {"model": Refusal}})
    def get_trace(trace_id: str) -> Response:
        """One trace step by step."""
        return respond(answer_trace(store, trace_id, stores_content=stores_content))
