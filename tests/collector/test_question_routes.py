from __future__ import annotations

import httpx
import pytest


async def test_cost_answers_json_with_money_as_text(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/cost?group_by=model,tag.branch&tenant=acme&grade=computed&limit=1&until=")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    row = response.json()["rows"][0]
    assert (row["model"], row["tag.branch"], row["cost_usd"]) == ("gpt-4o-mini", "main", "0.0000675")


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/api/v1/latency?model=gpt-4o-mini", "total"),
        ("/api/v1/traces", "total"),
        ("/api/v1/duplicates", "total"),
        ("/api/v1/losses", "not_covered"),
        ("/api/v1/caches", "total"),
        ("/api/v1/prompt-caching", "rows"),
        ("/api/v1/savings", "proposals"),
        ("/api/v1/traces/" + "01" * 16, "spans"),
    ],
)
async def test_every_question_is_answered(client: httpx.AsyncClient, path: str, count: str) -> None:
    response = await client.get(path)
    assert response.status_code == 200
    assert response.json()[count]


async def test_questions_have_bounds(client: httpx.AsyncClient) -> None:
    long = await client.get("/api/v1/cost", params={"user": "u" * 1001})
    many = await client.get("/api/v1/cost", params={"user": [str(number) for number in range(101)]})
    wide = await client.get("/api/v1/cost", params={"group_by": ",".join(f"tag.{number}" for number in range(9))})
    assert [(response.status_code, response.json()["error"]) for response in (long, many, wide)] == [
        (400, "user is longer than 1000 characters"),
        (400, "more than 100 filter values; ask for fewer at once"),
        (400, "group_by names 9 dimensions; allowed: up to 8"),
    ]
