from __future__ import annotations

import json

import pytest

from spanmeter_collector.otlp import JSON
from spanmeter_collector.refusal import Refusal

BEARER = (b"www-authenticate", b"Bearer")
TYPE = "type.googleapis.com/google.rpc."
BAD = {"@type": f"{TYPE}BadRequest", "fieldViolations": [{"description": "no"}]}
WAIT = {"@type": f"{TYPE}RetryInfo", "retryDelay": "1.500s"}


@pytest.mark.parametrize(
    ("refusal", "status", "headers", "body"),
    [
        (Refusal("path", "no"), 404, (), {"code": 5}),
        (Refusal("unauthorized", "no", BEARER), 401, (BEARER,), {"code": 16}),
        (Refusal("malformed", "no"), 400, (), {"code": 3, "details": [BAD]}),
        (Refusal("overloaded", "no", wait_s=1.5), 503, ((b"retry-after", b"2"),), {"code": 8, "details": [WAIT]}),
    ],
    ids=str,
)
def test_a_refusal_says_why_and_when_to_come_again(
    refusal: Refusal, status: int, headers: tuple[tuple[bytes, bytes], ...], body: dict[str, object]
) -> None:
    assert (refusal.status, refusal.headers, str(refusal)) == (status, headers, "no")
    assert json.loads(refusal.body(JSON)) == {"message": "no"} | body
