"""What is asked or sent never becomes SQL: every hostile text is a value that is found again as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]
DAY = {"since": "2026-11-22T00:00:00Z", "until": "2026-11-23T00:00:00Z", "service": "hostile"}
HOSTILE = (
    "'; DROP TABLE charges; --",
    "' OR 1=1 --",
    "\\",
    "\\'",
    "a\\' UNION ALL SELECT 1 --",
    "`backtick`",
    'a "quote" b',
    "{x:String}",
    "{filter_0:Array(String)}",
    "$filters $$ ${keys}",
    "%s %(x)s %",
    "a\tb\nc\rd\be\ff",
    "line\u2028separator",
    "naïve 🦊 漢字",
    "NULL",
    "['a','b']",
    "/* comment */ # -- ;",
    "a.b.c",
)


@pytest.fixture
def attacked(sidecar: Any, span: MakeSpan, request_of: MakeRequest, call_attributes: dict[str, Any]) -> Any:
    """A sidecar with one call for each hostile text, as user, model, tag and key of a tag."""
    sent = [
        span(
            7000 + number,
            trace_id=bytes([0xEE]) * 16,
            name=text,
            attributes=call_attributes
            | {"user.id": text, "gen_ai.response.model": text, f"spanmeter.tag.{text}": text, text: text},
        )
        for number, text in enumerate(HOSTILE)
    ]
    request = request_of(*sent)
    request.resource_spans[0].resource.attributes[0].value.string_value = "hostile"
    body = request.SerializeToString()
    assert sidecar.post("/v1/traces", body, content_type="application/x-protobuf").status_code == 200
    sidecar.settle()
    return sidecar


def ask(sidecar: Any, path: str, **parameters: str) -> Any:
    answer = httpx.get(f"{sidecar.http}/api/v1/{path}", params=DAY | parameters, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_hostile_text_is_a_value_and_nothing_else(attacked: Any) -> None:
    for text in HOSTILE:
        (row,) = ask(attacked, "cost", group_by="user,model", **{"user": text, "model": text, f"tag.{text}": text})[
            "rows"
        ]
        assert (row["user"], row["model"], row["calls"]) == (text, text, 1)
        (timed,) = ask(attacked, "latency", group_by="name", **{"name": text, f"tag.{text}": text})["rows"]
        assert (timed["name"], timed["count"]) == (text, 1)
        assert ask(attacked, "traces", user=text)["total"] == 1
        assert ask(attacked, "traces", **{f"attribute.{text}": text})["total"] == 1
        assert ask(attacked, "traces", **{f"attribute.{text}": "x", f"resource.{text}": text})["total"] == 0
    users = {row["user"] for row in ask(attacked, "cost", group_by="user")["rows"]}
    assert users == set(HOSTILE)


def test_a_tag_of_any_name_can_be_grouped_by(attacked: Any) -> None:
    for text in HOSTILE:
        if "," not in text:
            named = f"tag.{text}".strip()
            rows = ask(attacked, "cost", group_by=f"user,{named}")["rows"]
            assert {row["user"]: row[named] for row in rows if row[named]} == {text: text}


def test_the_trace_gives_back_what_was_sent(attacked: Any) -> None:
    spans = ask(attacked, f"traces/{'ee' * 16}")["spans"]

    assert {span["name"]: span["attributes"][span["name"]] for span in spans} == {text: text for text in HOSTILE}


@pytest.mark.parametrize("text", [*HOSTILE, "1; DROP TABLE spans", "cost_usd, sleep(3)", "-1", "1e3"])
def test_options_take_only_what_they_list(sidecar: Any, text: str) -> None:
    asked = [
        ("cost", {"group_by": text}),
        ("cost", {"limit": text}),
        ("cost", {text: "x"}),
        ("traces", {"order": text}),
        ("traces", {"offset": text}),
        ("traces", {"errors": text}),
        ("export", {"format": text}),
        ("duplicates", {"limit": text}),
        ("caches", {"group_by": text}),
        ("prompt-caching", {"limit": text}),
        ("savings", {"swap": text.replace("=", "")}),
        ("savings", {"swap": f"a=b,{text}=c"}),
        ("savings", {"offline": text}),
        ("savings", {"tier": text}),
        ("savings", {"input_limit": text}),
        ("savings", {"ttl": text}),
        ("cost", {"since": text}),
    ]
    answers = [httpx.get(f"{sidecar.http}/api/v1/{path}", params=parameters) for path, parameters in asked]

    assert [answer.status_code for answer in answers] == [400] * len(asked)
    assert httpx.get(f"{sidecar.http}/api/v1/traces/{quote(text, safe='')}").status_code in {400, 404}
