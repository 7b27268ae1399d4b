"""The query API: JSON for the dashboard and the command line, metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from fastapi import Depends, FastAPI, Request, Response

from spanmeter import version
from spanmeter.pricing import PriceBook
from spanmeter_collector import losses
from spanmeter_collector.answers import ComponentHealth, Health, Readiness
from spanmeter_collector.api_refusal import add_refusals, refuse_other_sites
from spanmeter_collector.backup import add_backup
from spanmeter_collector.budget_routes import add_budgets
from spanmeter_collector.budgets import Budgets
from spanmeter_collector.caches_routes import add_caches
from spanmeter_collector.export_route import add_export
from spanmeter_collector.metrics import Exposition
from spanmeter_collector.prices import add_prices
from spanmeter_collector.question_routes import add_losses, add_questions
from spanmeter_collector.reprice_routes import add_repricing
from spanmeter_collector.response import respond
from spanmeter_collector.savings_route import add_savings
from spanmeter_collector.snapshot import Snapshots
from spanmeter_collector.status import Component, Status
from spanmeter_collector.store import Store


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
    stores_content: bool = False,
) -> FastAPI:
    """The application that answers every path but the OTLP door's. It writes nothing but corrections of the ledger.

    `load_book` reads the present prices, `book_in_use` gives those that calls are charged by. `use_book` is told which
    ones the ledger is corrected to, so that what comes in from then on is charged by them.
    Bad questions get 400, unknown routes and traces 404, a store that cannot answer 503, each with {"error": sentence}.
    """
    api = _application()
    add_questions(api, store, now, stores_content=stores_content)
    add_losses(api, store, losses.options(loss_settle), now)
    add_prices(api, store, book_in_use, now)
    add_savings(api, store, book_in_use, now)
    add_caches(api, store, book_in_use, now)
    add_export(api, store, now)
    add_repricing(api, store, now, load_book=load_book, use_book=use_book)
    if budgets is not None:
        add_budgets(api, budgets, now, changing=[Depends(refuse_other_sites)])
    if snapshots is not None:
        add_backup(api, snapshots, dependencies=[Depends(refuse_other_sites)])
    _add_operations(api, status, Exposition(status.registry, store))
    return api


def _application() -> FastAPI:
    api = FastAPI(
        title="Spanmeter",
        version=version.__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    add_refusals(api)
    return api


def _health(components: Mapping[str, Component]) -> Health:
    told = {component.status for component in components.values()}
    return Health(
        status="failed" if "failed" in told else "degraded" if "degraded" in told else "ok",
        components={name: ComponentHealth.model_validate(one._asdict()) for name, one in components.items()},
    )


def _add_operations(api: FastAPI, status: Status, exposition: Exposition) -> None:
    @api.head("/health", include_in_schema=False)
    @api.get("/health", response_model=Health, responses={503: {"model": Health}})
    def get_health() -> Response:
        """How each part stands; 503 where only a restart helps, and not for what a restart would not mend."""
        health = _health(status.components())
        return respond(health, status_code=503 if health.status == "failed" else 200)

    @api.head("/ready", include_in_schema=False)
    @api.get("/ready", response_model=Readiness, responses={503: {"model": Readiness}})
    def get_ready() -> Response:
        """Whether requests are taken and stored."""
        ready = status.ready
        return respond(Readiness(ready=ready, checks=dict(status.checks())), status_code=200 if ready else 503)

    @api.get("/metrics", response_class=Response)
    def get_metrics(request: Request) -> Response:
        """Metrics in the Prometheus text format or OpenMetrics, as the Accept header asks."""
        body, content_type = exposition.expose(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})
