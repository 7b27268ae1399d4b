from __future__ import annotations

import httpx
import pytest


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("?dry_run=true&tenant=acme", b""),
        ("", b'{"dry_run": true, "tenant": ["acme"]}'),
        ("?tenant=acme", b'{"dry_run": "true"}'),
    ],
)
async def test_repricing_is_asked_for_in_the_query_or_the_body(
    client: httpx.AsyncClient, query: str, body: bytes
) -> None:
    answer = (await client.post(f"/api/v1/reprice{query}", content=body)).json()
    assert (answer["total"]["calls"], answer["calls_without_span"], answer["written"]) == (2, 0, False)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"since=1h", "the body is no JSON object; allowed: none, or the parameters as one"),
        (b'["since"]', "the body is no JSON object; allowed: none, or the parameters as one"),
        (b"[" * 60_000, "the body is no JSON object; allowed: none, or the parameters as one"),
        (b" " * 70_000, "the body is longer than 65536 bytes"),
        (b'{"since": 1.5}', "since is no text, whole number or truth value"),
        (b'{"since": null}', "since is no text, whole number or truth value"),
        (b'{"dryrun": true}', "unknown parameter 'dryrun'; allowed: since, until, dry_run, minute, "),
        (b'{"dry_run": 1}', "dry_run='1' is not allowed; allowed: true, false"),
    ],
)
async def test_a_body_that_is_not_understood_changes_nothing(
    client: httpx.AsyncClient, body: bytes, sentence: str
) -> None:
    response = await client.post("/api/v1/reprice", content=body)
    assert (response.status_code, response.json()["error"][: len(sentence)]) == (400, sentence)


@pytest.mark.parametrize(("origin", "status"), [("http://evil.example", 403), ("null", 403), ("http://sidecar", 200)])
async def test_pages_of_other_sites_cannot_reprice(client: httpx.AsyncClient, origin: str, status: int) -> None:
    response = await client.post("/api/v1/reprice?dry_run=true", headers={"origin": origin})
    assert response.status_code == status
