"""The dashboard "Spanmeter: cost and latency": its rows, variables and settings."""

from __future__ import annotations

from itertools import count

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard

import budgets
import caches
import calls
import health
import latency
import spend
from panels import DATASOURCE, Chart, Figure, Ranking
from promql import SIDECAR

UID = "spanmeter-overview"
CALLS = "spanmeter_calls_total"
REQUESTS = "gen_ai_client_operation_duration_seconds_count"
SIDECARS = "spanmeter_collector_up_seconds"

Variable = Builder[dashboard.VariableModel]


def overview() -> builders.Dashboard:
    """The dashboard; `build.py` writes it as JSON."""
    board = (
        builders.Dashboard("Spanmeter: cost and latency")
        .uid(UID)
        .description("What answers of LangChain, LangGraph and LlamaIndex applications cost and how long they took.")
        .tags(["spanmeter", "llm", "cost"])
        .readonly()
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .link(_explorer())
        .variables(_variables())
    )
    _lay_out(board)
    return board


def _lay_out(board: builders.Dashboard) -> None:
    numbers = count(1)
    rows: dict[str, tuple[Figure | Chart | Ranking, ...]] = {
        "At a glance": (*spend.FIGURES, *calls.FIGURES, *latency.FIGURES),
        "Spend": spend.CHARTS,
        "Tokens and calls": calls.CHARTS,
        "Caches": caches.CHARTS,
        "Latency": latency.CHARTS,
        "Budgets": budgets.CHARTS,
        "Sidecar": health.CHARTS,
    }
    for title, panels in rows.items():
        board.with_row(builders.Row(title).id(next(numbers)))
        for panel in panels:
            board.with_panel(panel.drawn().id(next(numbers)))


def _explorer() -> builders.DashboardLink:
    return (
        builders.DashboardLink("Cost explorer")
        .type(dashboard.DashboardLinkType.LINK)
        .url("${explorer}")
        .tooltip("Single traces, users, sessions and exact bills")
        .icon("external link")
        .target_blank(target_blank=True)
    )


def _variables() -> list[Variable]:
    of_service = f'{SIDECAR}, service=~"$service"'
    of_provider = f'{of_service}, provider=~"$provider"'
    requested = f'{of_service}, gen_ai_provider_name=~"$provider"'
    return [
        builders.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _values("job", "Job", f"label_values({SIDECARS}, job)", everything=".+"),
        _values("instance", "Instance", f'label_values({SIDECARS}{{job=~"$job"}}, instance)', everything=".+"),
        _values("service", "Service", f"label_values({CALLS}{{{SIDECAR}}}, service)"),
        _values("provider", "Provider", f"label_values({CALLS}{{{of_service}}}, provider)"),
        _values("model", "Model", f"label_values({CALLS}{{{of_provider}}}, model)"),
        _values("requested_model", "Requested model", f"label_values({REQUESTS}{{{requested}}}, gen_ai_request_model)"),
        builders.TextBoxVariable("explorer").label("Cost explorer").default_value("http://127.0.0.1:8501"),
    ]


def _values(name: str, label: str, query: str, *, everything: str = ".*") -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query({"query": query, "refId": f"{name}-values"})
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(everything)
        .current(dashboard.VariableOption(text=["All"], value=["$__all"]))
    )
