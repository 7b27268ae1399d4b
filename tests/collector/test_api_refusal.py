from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from tests.collector.conftest import client_of

from spanmeter_collector.api import create_api
from spanmeter_collector.api_refusal import add_refusals
from spanmeter_collector.budgets import Budgets
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        (
            "/api/v1/cost?groupby=model",
            400,
            "unknown parameter 'groupby'; allowed: since, until, group_by, limit, minute, hour, ",
        ),
        ("/api/v1/cost?group_by=name", 400, "unknown dimension 'name'; allowed: minute, hour, day, service, "),
        ("/api/v1/cost?group_by=model,", 400, "unknown dimension ''; allowed: minute, hour, day, "),
        ("/api/v1/cost?group_by=tag.", 400, "unknown dimension 'tag.'; allowed: minute, hour, day, "),
        (
            "/api/v1/cost?since=yesterday",
            400,
            "since='yesterday' is no time; allowed: RFC 3339 such as ",
        ),
        (
            "/api/v1/latency?grade=computed",
            400,
            "unknown parameter 'grade'; allowed: since, until, group_by, limit, minute, hour, ",
        ),
        (
            "/api/v1/traces?group_by=model",
            400,
            "unknown parameter 'group_by'; allowed: since, until, order, limit, offset, ",
        ),
        ("/api/v1/traces?limit=many", 400, "limit='many' is not allowed; allowed: a whole number from 1 to 1000"),
        ("/api/v1/traces/xyz", 400, "trace id 'xyz' is malformed; allowed: 32 hexadecimal digits"),
        ("/api/v1/export?format=xlsx", 400, "format='xlsx' is not allowed; allowed: csv, focus, parquet"),
        ("/api/v1/traces/" + "0f" * 16, 404, "no trace 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f is stored; "),
        ("/api/v1/costs", 404, "there is no GET /api/v1/costs; see /api/v1/openapi.json for what there is"),
        ("/docs", 404, "there is no GET /docs; see /api/v1/openapi.json for what there is"),
    ],
)
async def test_a_refusal_is_one_sentence(client: httpx.AsyncClient, path: str, status: int, sentence: str) -> None:
    response = await client.get(path)
    assert (response.status_code, list(response.json())) == (status, ["error"])
    assert response.json()["error"].startswith(sentence)


async def test_asking_is_all_one_can_do(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/cost")
    assert (response.status_code, response.headers["allow"]) == (405, "GET")
    assert response.json()["error"].startswith("Method Not Allowed: POST /api/v1/cost; ")


async def test_a_store_that_cannot_answer_is_excused_without_its_words(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store._writer.command("DROP TABLE charge_sums")
    async with client_of(store, Status()) as client:
        response = await client.get("/api/v1/cost")
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert response.json() == {"error": "the store could not answer; the sidecar's log says why"}
    assert "UNKNOWN_TABLE" in caplog.text


@pytest.mark.parametrize(
    ("word", "status_code", "sentence"),
    [
        ("TIMEOUT_EXCEEDED", 503, "the store could not answer in time"),
        ("MEMORY_LIMIT_EXCEEDED", 503, "the answer needs more memory than a question may take"),
        ("TOO_MANY_ROWS", 400, "the answer has too many groups"),
    ],
)
async def test_beyond_a_limit_the_asker_is_told_what_to_ask(
    store: Store, word: str, status_code: int, sentence: str
) -> None:
    row = "('calls_by_hour', '2026-11-22 00:00:00', 1)"
    store._writer.command(f"INSERT INTO charge_sums (level, time, calls) VALUES {row}")
    store._writer.command("RENAME TABLE charge_sums TO sums")
    store._writer.command(f"CREATE VIEW charge_sums AS SELECT * FROM sums WHERE throwIf(calls > 0, '{word}') = 0")
    async with client_of(store, Status()) as client:
        response = await client.get("/api/v1/cost", params={"since": "2026-11-01T00:00:00Z"})
    less = "ask for a shorter period, fewer dimensions or more filters"
    assert (response.status_code, response.json()) == (status_code, {"error": f"{sentence}; {less}"})


async def test_a_budget_that_a_full_disk_might_lose_is_not_taken(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    budgets = Budgets(store)
    api = httpx.ASGITransport(app=create_api(store=store, status=Status(), budgets=budgets))
    monkeypatch.setattr("spanmeter_collector.store.SMALL_BYTES", 2**62)
    async with httpx.AsyncClient(transport=api, base_url="http://sidecar") as client:
        response = await client.put("/api/v1/budgets/daily", json={"limit_usd": "5"})

    assert (response.status_code, response.headers["retry-after"]) == (503, "10")
    assert response.json()["error"].startswith("the disk is full: ")
    assert budgets.register.all() == []


async def test_who_leaves_before_a_body_is_whole_is_no_fault_of_the_sidecars() -> None:
    api = FastAPI()
    sent: list[Any] = []
    add_refusals(api)

    @api.post("/")
    async def read(request: Request) -> None:
        await request.body()

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b"", "root_path": ""}
    await api(scope, receive, send)
    assert sent[0]["status"] == 499
