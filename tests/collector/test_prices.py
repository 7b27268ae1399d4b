"""`GET /api/v1/prices` over ASGI, on a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from spanmeter.pricing import PriceBook
from spanmeter_collector.api import create_api
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BOOK = PriceBook.load(prices="")


@pytest.fixture
async def client(known: Store) -> AsyncIterator[httpx.AsyncClient]:
    api = create_api(store=known, status=Status(), book_in_use=lambda: BOOK, now=lambda: NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url="http://sidecar") as client:
        yield client


async def test_a_model_s_prices_are_those_that_calls_are_charged_by(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/api/v1/prices?model=gpt-4o-mini&provider=openai&service_tier=flex")).json()
    (quote,) = answer["quotes"]
    assert quote["prices"][0]["usd"] == "0.075"
    assert (answer["at"], answer["price_version"], answer["unpriced"]) == ("2026-11-22T12:00:00Z", BOOK.version, [])


async def test_without_a_model_it_lists_what_is_unpriced(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/api/v1/prices")).json()
    assert (answer["quotes"], answer["entries"]) == ([], [])
    assert answer["unpriced"] == [
        {"provider": "acme-ai", "model": "mystery-1", "calls": 1, "input_tokens": 40, "output_tokens": 8}
    ]


async def test_an_unknown_parameter_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/prices?modell=x")
    allowed = "model, provider, tenant, service_tier, region, at, since"
    assert (response.status_code, response.json()) == (
        400,
        {"error": f"there is no parameter 'modell'; allowed: {allowed}"},
    )


async def test_a_wrong_time_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/prices?model=x&at=noon")
    assert (response.status_code, response.json()["error"][:9]) == (400, "at='noon'")
