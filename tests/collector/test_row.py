from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanmeter_collector.otlp import LAST_NANOSECOND
from spanmeter_collector.row import Row, read_span

MakeSpan = Callable[..., Span]


def row_of(span: Span, resource: Mapping[str, str] | None = None) -> Row:
    return read_span(resource or {}, "spanmeter", span, received_at=1)[0]


def test_a_span_becomes_a_row_with_exact_times_and_ids(span: MakeSpan, call_attributes: dict[str, Any]) -> None:
    resource = {"service.name": "shop-rag", "service.instance.id": "i1", "host.name": "h"}
    sent = span(
        attributes=call_attributes | {"gen_ai.response.time_to_first_chunk": 0.5},
        parent_span_id=b"\x09" * 8,
        kind=Span.SPAN_KIND_CLIENT,
        status=Status(code=Status.STATUS_CODE_OK),
    )

    assert row_of(sent, resource) == Row(
        trace_id=b"\x0a" * 16,
        span_id=bytes(7) + b"\x01",
        parent_span_id=b"\x09" * 8,
        start_time=1_795_352_400_000_000_007,
        duration_ns=2_000_000_000,
        received_at=1,
        name="chat gpt-4o-mini",
        kind="client",
        status="ok",
        status_message="",
        error_type="",
        service="shop-rag",
        instance="i1",
        scope="spanmeter",
        framework="",
        operation="chat",
        provider="openai",
        request_model="gpt-4o-mini",
        model="gpt-4o-mini",
        response_id="",
        user="",
        session="",
        tenant="",
        feature="",
        team="",
        wrapper=False,
        input_tokens=1000,
        cached_input_tokens=200,
        output_tokens=100,
        reasoning_tokens=0,
        first_chunk_ns=500_000_000,
        attributes={
            "gen_ai.usage.input_tokens": "1000",
            "gen_ai.usage.output_tokens": "100",
            "gen_ai.usage.cache_read.input_tokens": "200",
            "gen_ai.response.time_to_first_chunk": "0.5",
        },
        resource={"host.name": "h"},
        events="[]",
    )


@pytest.mark.parametrize(
    ("code", "attributes", "status"),
    [
        (Status.STATUS_CODE_UNSET, {}, "unset"),
        (Status.STATUS_CODE_OK, {}, "ok"),
        (Status.STATUS_CODE_ERROR, {}, "error"),
        (Status.STATUS_CODE_ERROR, {"spanmeter.outcome": "cancelled"}, "cancelled"),
        (Status.STATUS_CODE_UNSET, {"spanmeter.outcome": "interrupted"}, "cancelled"),
        (Status.STATUS_CODE_ERROR, {"spanmeter.outcome": "other"}, "error"),
    ],
)
def test_the_status_tells_cancelled_from_failed(
    span: MakeSpan, code: Status.StatusCode.ValueType, attributes: dict[str, Any], status: str
) -> None:
    assert row_of(span(status=Status(code=code), attributes=attributes)).status == status


def test_an_end_beyond_all_time_is_the_last_that_is_kept(span: MakeSpan) -> None:
    row = row_of(span(end_time_unix_nano=2**64 - 1))

    assert row.start_time + row.duration_ns == LAST_NANOSECOND


def test_a_clock_set_back_gives_no_negative_duration(span: MakeSpan) -> None:
    assert row_of(span(end_time_unix_nano=1)).duration_ns == 0


def test_events_are_kept_in_order(span: MakeSpan) -> None:
    sent = span()
    sent.events.add(name="exception", time_unix_nano=5).attributes.add(key="n").value.int_value = 1
    sent.events.add(name="retry", time_unix_nano=6)

    assert json.loads(row_of(sent).events) == [
        {"name": "exception", "time": 5, "attributes": {"n": "1"}},
        {"name": "retry", "time": 6, "attributes": {}},
    ]


def test_a_parent_of_the_wrong_length_makes_a_root(span: MakeSpan) -> None:
    assert row_of(span(parent_span_id=b"\x01")).parent_span_id == bytes(8)


def test_a_kind_of_tomorrow_has_no_name(span: MakeSpan) -> None:
    assert row_of(span(kind=99)).kind == ""


@pytest.mark.parametrize(
    ("attributes", "scope", "framework"),
    [
        ({"langfuse.observation.type": "generation"}, "langfuse-sdk", ""),
        ({"langfuse.observation.metadata.ls_model_type": "chat"}, "langfuse-sdk.langchain", "langchain"),
    ],
)
def test_langfuse_s_two_instrumentations_are_told_apart(
    span: MakeSpan, attributes: dict[str, Any], scope: str, framework: str
) -> None:
    row, _ = read_span({}, "langfuse-sdk", span(attributes=attributes), received_at=1)

    assert (row.scope, row.framework) == (scope, framework)
