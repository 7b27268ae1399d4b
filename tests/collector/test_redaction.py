from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client import CollectorRegistry

from spanmeter_collector.otlp import attributes
from spanmeter_collector.redaction import Redaction, Rule

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]
USERS = Rule("users", "hash", keys=("user.id", "*.user_id"))
EMAILS = Rule("emails", "replace", pattern="[a-z]+@[a-z.]+", replacement="[email]")
SECRETS = Rule("secrets", "drop", keys=("app.secret.*",))


def redaction(*rules: Rule, key: str = "k") -> Redaction:
    return Redaction.of(rules, key, CollectorRegistry())


def redacted(rules: Redaction, said: dict[str, Any], span: MakeSpan, request_of: MakeRequest) -> dict[str, Any]:
    request = request_of(span(attributes=said))
    rules.apply(request)
    return attributes(request.resource_spans[0].scope_spans[0].spans[0].attributes)


@pytest.mark.parametrize(
    ("rule", "said", "expected"),
    [
        (EMAILS, {"to": "ada@x.org and bob@x.org", "n": 7}, {"to": "[email] and [email]", "n": 7}),
        (EMAILS, {"to": ["ada@x.org", "b"]}, {"to": ["[email]", "b"]}),
        (
            SECRETS,
            {"app.secret.a": "1", "app.secretb": "2", "xapp.secret.a": "3"},
            {"app.secretb": "2", "xapp.secret.a": "3"},
        ),
        (Rule("r", "drop", pattern="ada"), {"a": "ada", "b": "bob"}, {"b": "bob"}),
        (Rule("r", "replace", keys=("a",)), {"a": 5, "b": 5}, {"a": "[redacted]", "b": 5}),
        (Rule("r", "replace", keys=("a",), pattern="5+"), {"a": "155", "b": "55"}, {"a": "1[redacted]", "b": "55"}),
        (Rule("r", "replace", pattern="a", replacement=r"\1$&"), {"k": "a"}, {"k": r"\1$&"}),
        (Rule("r", "drop", keys=("*",)), {"gen_ai.usage.input_tokens": 5, "k": "v"}, {"gen_ai.usage.input_tokens": 5}),
        (Rule("r", "replace", pattern="gpt"), {"gen_ai.request.model": "gpt-4o"}, {"gen_ai.request.model": "gpt-4o"}),
    ],
    ids=["pattern", "lists", "star", "drop by pattern", "whole", "both", "literal", "ledger keys", "ledger values"],
)
def test_a_rule_changes_what_it_names_and_nothing_else(
    rule: Rule, said: dict[str, Any], expected: dict[str, Any], span: MakeSpan, request_of: MakeRequest
) -> None:
    assert redacted(redaction(rule), said, span, request_of) == expected


def quoting(*texts: object, ascii_only: bool = True) -> dict[str, Any]:
    parts = [{"type": "text", "content": text} for text in texts]
    return {"gen_ai.input.messages": json.dumps([{"role": "user", "parts": parts}], ensure_ascii=ascii_only)}


@pytest.mark.parametrize(
    ("rule", "said", "expected"),
    [
        (EMAILS, "to\nada@x.org", "to\n[email]"),
        (Rule("r", "replace", pattern="Gruß", replacement='"x"'), "ein Gruß", 'ein "x"'),
        (Rule("r", "replace", pattern="(?i)CONTENT|\\w*arts"), "content of parts", "[redacted] of [redacted]"),
        (Rule("r", "replace", pattern=r"\b4[0-9]{5}\b"), 411111, "[redacted]"),
        (EMAILS, '{"to": "\\u0061da@x.org"}', '{"to":"[email]"}'),
        (Rule("r", "replace", pattern="^ada$"), "ada", "[redacted]"),
        (Rule("r", "replace", pattern="^ada$"), "ada b", "ada b"),
        (Rule("r", "replace", pattern="Q", replacement="QQ"), "xQx", "xQQx"),
    ],
    ids=["line start", "escaped", "words of the conventions", "number", "JSON within", "whole", "not whole", "once"],
)
def test_a_rule_sees_what_json_says_and_leaves_it_json(
    rule: Rule, said: object, expected: object, span: MakeSpan, request_of: MakeRequest
) -> None:
    (found,) = redacted(redaction(rule), quoting(said), span, request_of).values()

    assert json.loads(found)[0]["parts"][0]["content"] == expected


def test_json_goes_as_a_whole_where_a_rule_drops_what_matches(span: MakeSpan, request_of: MakeRequest) -> None:
    dropping = redaction(Rule("r", "drop", pattern="Gruß"))

    assert redacted(dropping, quoting("a", "Gruß"), span, request_of) == {}


def test_a_rule_sees_both_values_of_a_key_that_stands_twice(span: MakeSpan, request_of: MakeRequest) -> None:
    said = {"gen_ai.tool.call.arguments": '{"to":"ada@x.org","to":"bob@x.org"}'}

    assert redacted(redaction(EMAILS), said, span, request_of) == {
        "gen_ai.tool.call.arguments": '{"to":"[email]","to":"[email]"}'
    }


def test_a_rule_for_a_key_with_its_value_leaves_neither(span: MakeSpan, request_of: MakeRequest) -> None:
    across = redaction(Rule("r", "replace", pattern='"password":"[^"]*"'), EMAILS)
    said = {"gen_ai.tool.call.arguments": '{"password":"x","to":"ada@x.org"}'}

    assert redacted(across, said, span, request_of) == {"gen_ai.tool.call.arguments": '{[redacted],"to":"[email]"}'}


def test_a_hash_is_the_same_for_the_same_text_and_key_only(span: MakeSpan, request_of: MakeRequest) -> None:
    said = {"user.id": "ada", "x.user_id": "ada", "my.user_id": "bob"}

    one, again = (redacted(redaction(USERS), said, span, request_of) for _ in range(2))
    other = redacted(redaction(USERS, key="another"), said, span, request_of)

    assert one == again
    assert one["user.id"] == one["x.user_id"] != one["my.user_id"]
    assert len({one["user.id"], one["my.user_id"], other["user.id"], "ada", "bob"}) == 5


def test_every_place_of_a_text_is_reached(span: MakeSpan, request_of: MakeRequest) -> None:
    pair = KeyValue(key="k", value=AnyValue(string_value="ada@x.org"))
    nested = AnyValue(kvlist_value=KeyValueList(values=[pair]))
    deep = KeyValue(key="d", value=AnyValue(array_value=ArrayValue(values=[nested])))
    sent = span(name="ask ada@x.org")
    sent.attributes.extend([pair, deep])
    sent.status.message = "no ada@x.org"
    sent.events.add(name="to ada@x.org").attributes.append(pair)
    sent.links.add().attributes.append(pair)
    request = request_of(sent)
    request.resource_spans[0].resource.attributes.append(pair)
    request.resource_spans[0].scope_spans[0].scope.attributes.append(pair)

    redaction(EMAILS).apply(request)

    body = request.SerializeToString()
    assert (body.count(b"ada@x.org"), body.count(b"[email]")) == (0, 9)


def test_metrics_are_redacted_too() -> None:
    request = ExportMetricsServiceRequest()
    resource_metrics = request.resource_metrics.add()
    resource_metrics.resource.attributes.add(key="user.id").value.string_value = "ada"
    for kind in ("sum", "gauge", "histogram", "exponential_histogram", "summary"):
        metric = resource_metrics.scope_metrics.add().metrics.add(name=kind)
        metric.metadata.add(key="user.id").value.string_value = "ada"
        point = getattr(metric, kind).data_points.add()
        point.attributes.add(key="user.id").value.string_value = "ada"
        if kind != "summary":
            point.exemplars.add().filtered_attributes.add(key="user.id").value.string_value = "ada"

    redaction(USERS).apply(request)

    assert b"ada" not in request.SerializeToString()


def test_what_is_changed_is_counted_by_rule(span: MakeSpan, request_of: MakeRequest) -> None:
    rules = redaction(USERS, EMAILS, SECRETS)

    redacted(rules, {"user.id": "ada", "a": "x@y.z", "b": "x@y.z"}, span, request_of)

    counted = {rule: rules.changed.labels(rule=rule)._value.get() for rule in ("users", "emails", "secrets")}
    assert counted == {"users": 1, "emails": 2, "secrets": 0}


def test_no_text_makes_a_pattern_run_for_ever(span: MakeSpan, request_of: MakeRequest) -> None:
    hostile = redaction(Rule("r", "replace", pattern="(a+)+$"), Rule("s", "replace", pattern="(x?){30}x{30}y"))
    begun = time.thread_time()

    redacted(hostile, {"k": "a" * 1_000_000 + "b", "l": "x" * 30}, span, request_of)

    assert time.thread_time() - begun < 5


def test_nothing_unredacted_reaches_log_store_or_answers(
    start_sidecar: Callable[..., Any], span: MakeSpan, request_of: MakeRequest, tmp_path: Path
) -> None:
    rules = tmp_path / "redact.toml"
    rules.write_text('sets = ["emails"]\n[[rules]]\nkeys = ["user.id"]\naction = "hash"\n')
    sidecar = start_sidecar(REDACT=str(rules))
    called = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 9}
    sent = [span(number, attributes={**called, "user.id": "lotte-1", "m": "to lotte@x.org"}) for number in (1, 2)]
    body = request_of(*sent).SerializeToString()
    assert sidecar.post("/v1/traces", body, content_type="application/x-protobuf").status_code == 200
    logged = b"".join(path.read_bytes() for path in (tmp_path / "data" / "log").rglob("*") if path.is_file())
    sidecar.settle()

    period = "since=2026-11-22T00:00:00Z&until=2026-11-23T00:00:00Z"
    (row,) = sidecar.get(f"/api/v1/cost?group_by=user&{period}")["rows"]
    trace = json.dumps(sidecar.get(f"/api/v1/traces/{'0a' * 16}"))

    assert (len(row["user"]), row["calls"]) == (32, 2)
    assert not [text for text in (logged, trace.encode()) if b"lotte" in text]
    assert b"[emails]" in logged
    assert sidecar.metric("spanmeter_collector_redacted_values_total") == 4
    assert (tmp_path / "data" / "redaction.key").stat().st_mode & 0o777 == 0o600
