"""Budgets over HTTP, with a real sidecar: definitions, leases, tokens, a kill and a restart."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

PATH = "/api/v1/budgets"


def asked(
    sidecar: Any, method: str, path: str, told: object = None, token: str = "", **headers: str
) -> tuple[int, Any]:
    named = headers | ({"authorization": f"Bearer {token}"} if token else {})
    body: dict[str, Any] = {"content": told} if isinstance(told, bytes) else {"json": told}
    answer = httpx.request(method, f"{sidecar.http}{PATH}{path}", headers=named, **body)
    return answer.status_code, answer.json() if answer.content else None


def lasting(row: dict[str, Any]) -> dict[str, Any]:
    """A budget without what changes from one moment to the next: its pace and until when it lasts."""
    return {name: value for name, value in row.items() if name not in {"usd_per_hour", "exhausts_at"}}


def test_a_budget_is_defined_told_leased_and_deleted(sidecar: Any) -> None:
    defined = {"limit_usd": "1.5", "scope": {"tenant": "acme"}}
    status, stored = asked(sidecar, "PUT", "/routes", defined)
    assert (status, stored["limit_usd"], stored["scope"], stored["source"]) == (200, "1.5", {"tenant": "acme"}, "code")
    assert asked(sidecar, "PUT", "/routes", defined) == (200, stored)
    status, lease = asked(sidecar, "POST", "/routes/lease", {"holder": "h", "spent_usd": "0.5", "need_usd": 1})
    assert (status, lease["granted_usd"], lease["exhausted"]) == (200, "1.5", False)
    status, row = asked(sidecar, "GET", "/routes")
    assert (status, row["spent_usd"], row["lent_usd"], row["share"]) == (200, "0.5", "1", pytest.approx(1 / 3))
    rows = asked(sidecar, "GET", "")[1]["rows"]
    assert lasting(row) in map(lasting, rows)
    assert asked(sidecar, "DELETE", "/routes") == (204, None)
    status, refusal = asked(sidecar, "POST", "/routes/lease", {"holder": "h"})
    assert (status, refusal["error"].startswith("there is no budget 'routes'; there are: ")) == (404, True)


def test_what_is_wrong_is_refused_with_what_is_allowed(sidecar: Any) -> None:
    assert asked(sidecar, "PUT", "/wrong", {"limit_usd": "1", "period": "year"}) == (
        400,
        {"error": "period='year' is not allowed; allowed: day, week, month, total, request"},
    )
    assert asked(sidecar, "PUT", "/wrong", [1]) == (400, {"error": "the body is no JSON object"})
    assert asked(sidecar, "PUT", "/wrong", b'{"limit_usd": 1e99999999999999999999}') == (
        400,
        {"error": "the body is no JSON object"},
    )
    assert asked(sidecar, "PUT", "/wrong", {"limit_usd": "9" * 70_000}) == (
        400,
        {"error": "the body is longer than 65536 bytes"},
    )
    status, refusal = asked(sidecar, "PUT", "/wrong", {"limit_usd": "1"}, origin="https://evil.example")
    assert (status, refusal["error"].startswith("Pages of other sites are refused")) == (403, True)


def test_applications_define_and_lease_with_the_ingest_token_and_operators_do_the_rest(start_sidecar: Any) -> None:
    sidecar = start_sidecar(INGEST_TOKEN="in", QUERY_TOKEN="out")
    defined = {"limit_usd": "1"}
    assert asked(sidecar, "PUT", "/b", defined)[0] == 401
    assert asked(sidecar, "PUT", "/b", defined, "in")[0] == 200
    assert asked(sidecar, "GET", "", token="in")[0] == 200
    assert asked(sidecar, "GET", "/b", token="in")[0] == 200
    assert asked(sidecar, "POST", "/b/lease", {"holder": "h"}, "in")[0] == 200
    assert asked(sidecar, "DELETE", "/b", token="in")[0] == 401
    hooked = defined | {"webhook": "http://127.0.0.1:1/secret"}
    status, refusal = asked(sidecar, "PUT", "/b", hooked, "in")
    assert (status, refusal["error"].startswith("A webhook needs the query token")) == (403, True)
    status, stored = asked(sidecar, "PUT", "/b", hooked, "out")
    assert (status, stored["webhook"]) == (200, "http://127.0.0.1:1/")
    assert httpx.get(f"{sidecar.http}/api/v1/cost", headers={"authorization": "Bearer in"}).status_code == 401
    assert asked(sidecar, "DELETE", "/b", token="out")[0] == 204


def test_a_killed_sidecar_forgets_no_lease_and_its_file_goes_before_code(start_sidecar: Any, tmp_path: Path) -> None:
    file = tmp_path / "budgets.toml"
    file.write_text("[budgets.b]\nlimit_usd = 2\n")
    sidecar = start_sidecar()
    asked(sidecar, "PUT", "/b", {"limit_usd": "1"})
    asked(sidecar, "POST", "/b/lease", {"holder": "a", "spent_usd": "0.5", "need_usd": "0.4"})
    sidecar.process.kill()
    sidecar.process.wait()
    again = start_sidecar(BUDGETS=str(file))
    status, lease = asked(again, "POST", "/b/lease", {"holder": "b", "need_usd": "1.2"})
    assert (status, lease["granted_usd"], lease["spent_usd"], lease["limit_usd"]) == (200, "0", "0.5", "2")
    status, refusal = asked(again, "PUT", "/b", {"limit_usd": "99"})
    assert (status, refusal) == (409, {"error": "the sidecar's file of budgets defines 'b'; change it there"})


def test_a_body_that_is_not_sent_whole_holds_nobody_up(sidecar: Any) -> None:
    parts = urlsplit(sidecar.http)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0)
    connection.putrequest("PUT", f"{PATH}/half")
    connection.putheader("content-length", "100")
    connection.endheaders(b'{"limit_usd"')
    assert asked(sidecar, "GET", "")[0] == 200
    connection.close()
