"""The query API over ASGI, on a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from spanmeter_collector.api import create_api
from spanmeter_collector.selection import CHARGES
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store

ANSWER = "01" * 16
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
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


def client_of(store: Store, status: Status) -> httpx.AsyncClient:
    api = create_api(store=store, status=status, now=lambda: NOW)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url="http://sidecar")


@pytest.fixture
async def client(known: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(known, Status()) as client:
        yield client


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


@pytest.mark.parametrize(
    ("wanted", "media_type", "filename", "left_out"),
    [
        ("csv", "text/csv; charset=utf-8", "spanmeter.csv", None),
        ("focus", "text/csv; charset=utf-8", "spanmeter.csv", "1"),
        ("parquet", "application/vnd.apache.parquet", "spanmeter.parquet", None),
    ],
)
async def test_an_export_is_a_file(
    client: httpx.AsyncClient, wanted: str, media_type: str, filename: str, left_out: str | None
) -> None:
    response = await client.get(f"/api/v1/export?format={wanted}")
    told = [
        response.headers.get(name) for name in ("content-type", "content-disposition", "x-spanmeter-unpriced-calls")
    ]
    assert told == [media_type, f'attachment; filename="{filename}"', left_out]
    assert len(response.content) > 500


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


@pytest.mark.parametrize("name", [*CHARGES.names, "tag.branch"])
async def test_sql_in_a_filter_matches_nothing(client: httpx.AsyncClient, name: str) -> None:
    answers = [await client.get("/api/v1/cost", params={name: attack, "group_by": "model"}) for attack in ATTACKS]
    together = await client.get("/api/v1/cost", params={name: list(ATTACKS), "group_by": "model"})
    assert [(answer.status_code, answer.json()["rows"]) for answer in (*answers, together)] == [(200, [])] * 12


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


async def test_questions_have_bounds(client: httpx.AsyncClient) -> None:
    long = await client.get("/api/v1/cost", params={"user": "u" * 1001})
    many = await client.get("/api/v1/cost", params={"user": [str(number) for number in range(101)]})
    wide = await client.get("/api/v1/cost", params={"group_by": ",".join(f"tag.{number}" for number in range(9))})
    assert [(response.status_code, response.json()["error"]) for response in (long, many, wide)] == [
        (400, "user is longer than 1000 characters"),
        (400, "more than 100 filter values; ask for fewer at once"),
        (400, "group_by names 9 dimensions; allowed: up to 8"),
    ]


async def test_a_store_that_cannot_answer_is_excused_without_its_words(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store._writer.command("DROP TABLE ledger_sums")
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
    store._writer.command(f"INSERT INTO ledger_sums (level, time, calls) VALUES {row}")
    store._writer.command("RENAME TABLE ledger_sums TO sums")
    store._writer.command(f"CREATE VIEW ledger_sums AS SELECT * FROM sums WHERE throwIf(calls > 0, '{word}') = 0")
    async with client_of(store, Status()) as client:
        response = await client.get("/api/v1/cost", params={"since": "2026-11-01T00:00:00Z"})
    less = "ask for a shorter period, fewer dimensions or more filters"
    assert (response.status_code, response.json()) == (status_code, {"error": f"{sentence}; {less}"})


async def test_readiness_names_what_is_in_the_way(known: Store) -> None:
    status = Status(now=lambda: datetime(2026, 11, 22, 13, tzinfo=UTC))
    async with client_of(known, status) as client:
        well = await client.get("/ready")
        status.report("log", "the disk is full")
        ill = await client.get("/ready")
        up = await client.get("/health")
    assert (well.status_code, well.json()) == (200, {"ready": True, "checks": {"log": "ok", "store": "ok"}})
    assert (ill.status_code, ill.json()) == (
        503,
        {"ready": False, "checks": {"log": "the disk is full (since 2026-11-22T13:00:00+00:00)", "store": "ok"}},
    )
    assert (up.status_code, up.json()) == (200, {"status": "ok"})


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


async def test_the_description_names_every_parameter_of_a_question(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/api/v1/openapi.json")).json()["paths"]
    names = [parameter["name"] for parameter in paths["/api/v1/cost"]["get"]["parameters"]]
    assert names == ["since", "until", "group_by", "limit", *CHARGES.names, "tag.{key}"]
    listed = [parameter["name"] for parameter in paths["/api/v1/traces"]["get"]["parameters"]]
    assert listed[-3:] == ["tag.{key}", "attribute.{key}", "resource.{key}"]
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
