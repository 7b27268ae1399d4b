"""The query API: JSON for the dashboard and the command line, metrics for Prometheus."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final
from urllib.parse import urlsplit

from clickhouse_connect.driver.exceptions import ClickHouseError
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from spanmeter import version
from spanmeter.pricing import PriceBook, PriceFileError
from spanmeter_collector import cost, duplicates, export, latency, losses, repricing, traces
from spanmeter_collector.answers import (
    Answer,
    CostAnswer,
    DuplicatesAnswer,
    Health,
    LatencyAnswer,
    LossesAnswer,
    Readiness,
    Refusal,
    RepriceAnswer,
    RepriceProgress,
    TraceAnswer,
    TracesAnswer,
)
from spanmeter_collector.asker import GoneError
from spanmeter_collector.backup import add_backup
from spanmeter_collector.budget_routes import add_budgets
from spanmeter_collector.budgets import Budgets
from spanmeter_collector.caches_routes import add_caches
from spanmeter_collector.metrics import Exposition
from spanmeter_collector.prices import add_prices
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.savings_route import add_savings
from spanmeter_collector.selection import TAG, Dimensions, Options, Selection, read_fields, read_selection
from spanmeter_collector.snapshot import Snapshots
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store
from spanmeter_collector.times import ALLOWED
from spanmeter_collector.trace import UnknownTraceError, answer_trace

_STOPPED: Final = "QUERY_WAS_CANCELLED"
_LESS: Final = "ask for a shorter period, fewer dimensions or more filters"
_TOO_MUCH: Final = {
    "TIMEOUT_EXCEEDED": (503, f"the store could not answer in time; {_LESS}"),
    "MEMORY_LIMIT_EXCEEDED": (503, f"the answer needs more memory than a question may take; {_LESS}"),
    "TOO_MANY_ROWS": (400, f"the answer has too many groups; {_LESS}"),
}
"""What the engine says when a question goes beyond a limit, and what the asker is told."""
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {code: {"model": Refusal} for code in (400, 401, 503)}
_DESCRIPTIONS: Final = {
    "since": f"Start of the period: {ALLOWED}.",
    "until": f"End of the period, now unless given: {ALLOWED}.",
    "group_by": "Dimensions, separated by commas.",
    "limit": "The most rows to answer with.",
    "offset": "How many to leave out before the first.",
    "settle": "How long a counter has to have been here before it is compared, such as 30s; up to 24h.",
    "order": f"What comes first: {', '.join(traces.ORDERS)}.",
    "errors": "true: only traces with a failed span.",
    "format": f"How it is written: {', '.join(export.FORMATS)}.",
    "dry_run": "true: say what would change and write nothing.",
}
_KEYED: Final = {
    TAG: "Only with this tag; put the tag's key in place of {key}.",
    "attribute.": "Only with this attribute as its sender wrote it; put the attribute's key in place of {key}.",
    "resource.": "Only with this attribute of the resource; put the attribute's key in place of {key}.",
}
_TIME: Final = {"type": "string", "anyOf": [{"pattern": "^[0-9]{1,9}[smhdw]$"}, {"format": "date-time"}]}
_SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    "since": _TIME,
    "until": _TIME,
    "limit": {"type": "integer", "minimum": 1},
    "offset": {"type": "integer", "minimum": 0},
    "order": {"type": "string", "enum": [*traces.ORDERS]},
    "errors": {"type": "string", "enum": ["true", "false"]},
    "format": {"type": "string", "enum": [*export.FORMATS]},
    "dry_run": {"type": "string", "enum": ["true", "false"]},
}
"""What a parameter looks like, where it is more than text."""

_log = logging.getLogger(__name__)


def create_api(  # noqa: PLR0913  what the process around it gives, each by its name
    *,
    store: Store,
    status: Status,
    load_book: Callable[[], PriceBook] = PriceBook.load,
    use_book: Callable[[PriceBook], None] = lambda _: None,
    book_in_use: Callable[[], PriceBook] = PriceBook.load,
    snapshots: Snapshots | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    loss_settle: str = losses.SETTLE,
    budgets: Budgets | None = None,
) -> FastAPI:
    """The application that answers every path but the OTLP door's. It writes nothing but corrections of the ledger.

    `load_book` reads the present prices, `book_in_use` gives those that calls are charged by. `use_book` is told which
    ones the ledger is corrected to, so that what comes in from then on is charged by them.
    Bad questions get 400, unknown routes and traces 404, a store that cannot answer 503, each with {"error": sentence}.
    """
    api = FastAPI(
        title="Spanmeter",
        version=version.__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    _add_refusals(api)
    _add_questions(api, store, now)
    _add_losses(api, store, losses.options(loss_settle), now)
    add_prices(api, store, book_in_use, now)
    add_savings(api, store, book_in_use, now)
    add_caches(api, store, now, describe=_parameters, refusals=_REFUSALS)

    progress = repricing.Progress()

    def reprice(selection: Selection) -> RepriceAnswer:
        book = _current(load_book)
        if not repricing.is_dry_run(selection):
            use_book(book)
        return repricing.reprice(store, book, selection, progress=progress)

    _add_export(api, store, now)
    _add_corrections(api, reprice, progress, now)
    if budgets is not None:
        add_budgets(api, budgets, now, changing=[Depends(_refuse_other_sites)])
    if snapshots is not None:
        add_backup(api, snapshots, dependencies=[Depends(_refuse_other_sites)])
    _add_operations(api, status, Exposition(status.registry, store))
    return api


def _add_questions(api: FastAPI, store: Store, now: Callable[[], datetime]) -> None:
    def read(request: Request, options: Options) -> Selection:
        return read_selection(request.query_params.multi_items(), options, now=now())

    @api.get("/api/v1/cost", response_model=CostAnswer, responses=_REFUSALS, openapi_extra=_parameters(cost.OPTIONS))
    def get_cost(request: Request) -> Response:
        """What calls cost, by dimension and in total."""
        return _json(cost.answer_cost(store, read(request, cost.OPTIONS)))

    @api.get(
        "/api/v1/latency", response_model=LatencyAnswer, responses=_REFUSALS, openapi_extra=_parameters(latency.OPTIONS)
    )
    def get_latency(request: Request) -> Response:
        """How long spans took, by dimension and in total."""
        return _json(latency.answer_latency(store, read(request, latency.OPTIONS)))

    @api.get(
        "/api/v1/duplicates",
        response_model=DuplicatesAnswer,
        responses=_REFUSALS,
        openapi_extra=_parameters(duplicates.OPTIONS),
    )
    def get_duplicates(request: Request) -> Response:
        """Which spans were not counted, because another one tells of the same call, and why."""
        return _json(duplicates.answer_duplicates(store, read(request, duplicates.OPTIONS)))

    @api.get(
        "/api/v1/traces", response_model=TracesAnswer, responses=_REFUSALS, openapi_extra=_parameters(traces.OPTIONS)
    )
    def get_traces(request: Request) -> Response:
        """The traces of a period; every filter has to be met by some span of a trace."""
        return _json(traces.answer_traces(store, read(request, traces.OPTIONS)))

    @api.get("/api/v1/traces/{trace_id}", response_model=TraceAnswer, responses={**_REFUSALS, 404: {"model": Refusal}})
    def get_trace(trace_id: str) -> Response:
        """One trace step by step."""
        return _json(answer_trace(store, trace_id))


def _add_losses(api: FastAPI, store: Store, options: Options, now: Callable[[], datetime]) -> None:
    @api.get("/api/v1/losses", response_model=LossesAnswer, responses=_REFUSALS, openapi_extra=_parameters(options))
    def get_losses(request: Request) -> Response:
        """What each application process counted itself and the ledger lacks, after a settling time."""
        asked = now()
        selection = read_selection(request.query_params.multi_items(), options, now=asked)
        return _json(losses.answer_losses(store, selection, now=asked))


def _add_export(api: FastAPI, store: Store, now: Callable[[], datetime]) -> None:
    @api.get(
        "/api/v1/export",
        response_class=StreamingResponse,
        responses=_REFUSALS,
        openapi_extra=_parameters(export.OPTIONS),
    )
    def get_export(request: Request) -> Response:
        """The ledger as a file: its entries as CSV or Parquet, or FOCUS 1.2 as CSV.

        FOCUS has no place for calls without a known price; `x-spanmeter-unpriced-calls` tells how many are left out.
        """
        selection = read_selection(request.query_params.multi_items(), export.OPTIONS, now=now())
        chosen = export.chosen_format(selection)
        headers = {"content-disposition": f'attachment; filename="spanmeter.{chosen.suffix}"'}
        if selection.options["format"] == "focus":
            headers["x-spanmeter-unpriced-calls"] = str(export.unpriced_calls(store, selection))
        pieces = export.export(store, selection)
        first = next(pieces)  # what the store refuses is refused before the answer has begun
        return StreamingResponse(chain((first,), pieces), headers=headers, media_type=chosen.media_type)


def _add_corrections(
    api: FastAPI,
    reprice: Callable[[Selection], RepriceAnswer],
    progress: repricing.Progress,
    now: Callable[[], datetime],
) -> None:
    @api.get("/api/v1/reprice", response_model=RepriceProgress)
    def get_reprice() -> Response:
        """How far the repricing has come that is under way."""
        return _json(RepriceProgress(share=progress.share))

    @api.post(
        "/api/v1/reprice",
        response_model=RepriceAnswer,
        responses={**_REFUSALS, 403: {"model": Refusal}},
        openapi_extra=_parameters(repricing.OPTIONS),
    )
    async def post_reprice(request: Request) -> Response:
        """Bring the calls of a period to the present prices: parameters in the query, or the same in a JSON object."""
        _refuse_other_sites(request)
        asked = [*request.query_params.multi_items(), *read_fields(await request.body())]
        selection = read_selection(asked, repricing.OPTIONS, now=now())
        return _json(await run_in_threadpool(reprice, selection))


def _current(load_book: Callable[[], PriceBook]) -> PriceBook:
    try:
        return load_book()
    except PriceFileError as error:
        raise QuestionError(str(error)) from error


def _refuse_other_sites(request: Request) -> None:
    """A page of another site may make a visitor's browser send a POST here; it says so in `Origin`."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "Pages of other sites are refused")


def _add_operations(api: FastAPI, status: Status, exposition: Exposition) -> None:
    @api.head("/health", include_in_schema=False)
    @api.get("/health", response_model=Health)
    def get_health() -> Response:
        """The process is up."""
        return _json(Health())

    @api.head("/ready", include_in_schema=False)
    @api.get("/ready", response_model=Readiness, responses={503: {"model": Readiness}})
    def get_ready() -> Response:
        """Whether requests are taken and stored."""
        ready = status.ready
        return _json(Readiness(ready=ready, checks=dict(status.checks())), status_code=200 if ready else 503)

    @api.get("/metrics", response_class=Response)
    def get_metrics(request: Request) -> Response:
        """Metrics in the Prometheus text format or OpenMetrics, as the Accept header asks."""
        body, content_type = exposition.expose(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})


def _add_refusals(api: FastAPI) -> None:
    @api.exception_handler(QuestionError)
    def refuse_question(_: Request, error: QuestionError) -> Response:
        return _json(Refusal(error=str(error)), status_code=400)

    @api.exception_handler(UnknownTraceError)
    def miss_trace(_: Request, error: UnknownTraceError) -> Response:
        return _json(Refusal(error=str(error)), status_code=404)

    @api.exception_handler(HTTPException)
    def refuse_route(request: Request, error: HTTPException) -> Response:
        what = "there is no" if error.status_code == 404 else f"{error.detail}:"
        sentence = f"{what} {request.method} {request.url.path}; see /api/v1/openapi.json for what there is"
        return _json(Refusal(error=sentence), status_code=error.status_code, headers=error.headers)

    @api.exception_handler(ClickHouseError)
    def excuse_store(request: Request, error: ClickHouseError) -> Response:
        for word, (status_code, sentence) in _TOO_MUCH.items():
            if word in str(error):
                headers = {"retry-after": "5"} if status_code == 503 else {}
                return _json(Refusal(error=sentence), status_code=status_code, headers=headers)
        if _STOPPED not in str(error):
            _log.error("The store could not answer %s", request.url.path, exc_info=error)
        sentence = "the store could not answer; the sidecar's log says why"
        return _json(Refusal(error=sentence), status_code=503, headers={"retry-after": "5"})

    @api.exception_handler(GoneError)
    def tell_nobody(_: Request, __: GoneError) -> Response:
        return _json(Refusal(error="nobody waits for this answer"), status_code=499)


def _json(answer: Answer, *, status_code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(answer.model_dump_json(), status_code, headers, media_type="application/json")


def _parameters(options: Options) -> dict[str, Any]:
    texts = {name: f"{_DESCRIPTIONS[name]} Default: {default or 'none'}." for name, default in options.defaults.items()}
    texts |= dict.fromkeys(options.dimensions.names, "Only these; give it again for any of several.")
    texts |= {f"{prefix}{{key}}": _KEYED[prefix] for prefix in options.dimensions.keyed}
    schemas = {"group_by": _lists(options.dimensions), **_SCHEMAS}
    return {
        "parameters": [
            {"name": name, "in": "query", "description": text, "schema": schemas.get(name, {"type": "string"})}
            for name, text in texts.items()
        ]
    }


def _lists(dimensions: Dimensions) -> Mapping[str, Any]:
    keyed = (f"{prefix.replace('.', '[.]')}[^,]+" for prefix in dimensions.keyed)
    name = "|".join((*dimensions.names, *keyed))
    return {"type": "string", "pattern": f"^({name})(,({name}))*$"}
