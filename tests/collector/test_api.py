"""The query API over ASGI, on a real store."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from tests.collector.conftest import client_of

from spanmeter_collector.selection import CHARGES
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store

ATTACKS = (
    "' OR 1=1 --",
    "'); DROP TABLE charges; --",
    "1; DROP TABLE charges",
    "\\'; DROP TABLE charges; --",
    "x' UNION ALL SELECT 1",
    "$filters",
    "{since:Int64}",
    "charges.user",
    "%27",
    "\x00",
    "*",
)
CLOSED = (("cost", "grade"), ("duplicates", "reason"))


@pytest.mark.parametrize("name", [*(name for name in CHARGES.names if name not in CHARGES.values), "tag.branch"])
async def test_sql_in_a_filter_matches_nothing(client: httpx.AsyncClient, name: str) -> None:
    answers = [await client.get("/api/v1/cost", params={name: attack, "group_by": "model"}) for attack in ATTACKS]
    together = await client.get("/api/v1/cost", params={name: list(ATTACKS), "group_by": "model"})
    assert [(answer.status_code, answer.json()["rows"]) for answer in (*answers, together)] == [(200, [])] * 12


@pytest.mark.parametrize("attack", ATTACKS)
async def test_sql_in_a_filter_of_a_closed_set_is_refused(client: httpx.AsyncClient, attack: str) -> None:
    answers = [await client.get(f"/api/v1/{path}", params={name: attack}) for path, name in CLOSED]
    assert [answer.status_code for answer in answers] == [400, 400]


@pytest.mark.parametrize("attack", ATTACKS)
async def test_sql_in_a_tags_key_is_a_key_that_no_call_has(client: httpx.AsyncClient, attack: str) -> None:
    filtered = await client.get("/api/v1/cost", params={f"tag.{attack}": "x"})
    grouped = await client.get("/api/v1/cost", params={"group_by": f"tag.{attack}"})
    assert (filtered.status_code, filtered.json()["total"]["calls"]) == (200, 0)
    assert [(row[f"tag.{attack}"], row["calls"]) for row in grouped.json()["rows"]] == [("", 3)]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(("/api/v1/cost", name) for name in ("since", "until", "group_by", "limit")),
        *(("/api/v1/traces", name) for name in ("order", "errors", "offset")),
    ],
)
async def test_sql_in_an_option_is_refused(client: httpx.AsyncClient, path: str, name: str, attack: str) -> None:
    response = await client.get(path, params={name: attack})
    assert response.status_code == 400
    assert repr(attack) in response.json()["error"]


@pytest.mark.parametrize("attack", ATTACKS)
async def test_sql_in_a_name_is_refused(client: httpx.AsyncClient, attack: str) -> None:
    response = await client.get("/api/v1/traces", params={attack: "x"})
    assert response.status_code == 400
    assert response.json()["error"].startswith(f"unknown parameter {attack!r}; allowed: since, ")


@pytest.mark.parametrize(
    "asked", ["cost", "latency", "latency?group_by=hour", "export?format=focus", "traces", "losses"]
)
async def test_all_that_was_ever_stored_can_be_asked_for(client: httpx.AsyncClient, asked: str) -> None:
    since = f"{'&' if '?' in asked else '?'}since=1970-01-01T00:00:00Z"
    assert (await client.get(f"/api/v1/{asked}{since}")).status_code == 200


async def test_readiness_names_what_is_in_the_way(known: Store) -> None:
    status = Status(now=lambda: datetime(2026, 11, 22, 13, tzinfo=UTC))
    async with client_of(known, status) as client:
        well = await client.get("/ready")
        status.report("log", "the disk is full")
        ill = await client.get("/ready")
    assert (well.status_code, well.json()) == (200, {"ready": True, "checks": {"log": "ok", "store": "ok"}})
    assert (ill.status_code, ill.json()) == (
        503,
        {"ready": False, "checks": {"log": "the disk is full (since 2026-11-22T13:00:00+00:00)", "store": "ok"}},
    )


async def test_health_names_each_component_and_is_503_only_where_a_restart_helps(known: Store) -> None:
    status = Status(now=lambda: datetime(2026, 11, 22, 13, tzinfo=UTC))
    status.tell("forward", lambda: "off")
    since = "(since 2026-11-22T13:00:00+00:00)"
    answers = []
    async with client_of(known, status) as client:
        answers.append(await client.get("/health"))
        status.report("store", "cannot write")
        answers.append(await client.get("/health"))
        status.end("log", "the worker ended")
        answers.append(await client.get("/health"))

    well, off = {"status": "ok", "reason": ""}, {"status": "off", "reason": ""}
    degraded = {"status": "degraded", "reason": f"cannot write {since}"}
    failed = {"status": "failed", "reason": f"the worker ended {since}"}
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"status": "ok", "components": {"forward": off, "log": well, "store": well}}),
        (200, {"status": "degraded", "components": {"forward": off, "log": well, "store": degraded}}),
        (503, {"status": "failed", "components": {"forward": off, "log": failed, "store": degraded}}),
    ]


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_probes_may_ask_for_the_status_alone(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.head(path)).status_code == 200


async def test_metrics_speak_the_format_that_was_asked_for(client: httpx.AsyncClient) -> None:
    text = await client.get("/metrics")
    openmetrics = await client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert text.headers["content-type"].startswith("text/plain; version=")
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.text.endswith("# EOF\n")
    assert "spanmeter_collector_up_seconds" in text.text


async def test_the_description_names_every_path(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/api/v1/openapi.json")).json()["paths"]
    assert {
        "/api/v1/caches",
        "/api/v1/cost",
        "/api/v1/duplicates",
        "/api/v1/export",
        "/api/v1/latency",
        "/api/v1/losses",
        "/api/v1/prices",
        "/api/v1/prompt-caching",
        "/api/v1/reprice",
        "/api/v1/savings",
        "/api/v1/traces",
        "/api/v1/traces/{trace_id}",
        "/health",
        "/ready",
        "/metrics",
    } == set(paths)
