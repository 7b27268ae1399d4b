from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector import otlp
from spanmeter_collector.glance import is_well

MakeRequest = Callable[..., ExportTraceServiceRequest]
MakeSpan = Callable[..., Span]
TRIES = 3000


@pytest.fixture
def body(span: MakeSpan, request_of: MakeRequest) -> bytes:
    """Three spans with values, events and links of all kinds, in two scopes."""
    nested = AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=AnyValue(bytes_value=b"\xff"))]))
    several = AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="é"), AnyValue(int_value=7), nested]))
    first = span(1, attributes={"text": "a", "number": 7, "share": 0.5, "truth": True})
    first.attributes.add(key="list", value=several)
    first.events.add(name="seen", attributes=first.attributes)
    first.links.add(trace_id=bytes(16), span_id=b"x", attributes=first.attributes)
    request = request_of(first, span(2, trace_state="a=b"))
    request.resource_spans[0].scope_spans.add(spans=[span(3)])
    return request.SerializeToString()


def spans_of(body: bytes) -> list[Span]:
    """All spans of a body, as a strict reader takes it."""
    resources = ExportTraceServiceRequest.FromString(body).resource_spans
    return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]


def test_a_request_whose_spans_can_all_be_kept_is_well(body: bytes) -> None:
    assert is_well(body, spans=3, closed=())
    assert is_well(b"", spans=0, closed=())
    assert not is_well(body, spans=2, closed=())


def test_a_day_that_is_closed_is_not_well(body: bytes) -> None:
    days = {otlp.day(span) for span in spans_of(body)}

    assert is_well(body, spans=3, closed={max(days) + 1, min(days) - 1})
    assert not is_well(body, spans=3, closed=days)


@pytest.mark.parametrize(
    "fields",
    [
        {"trace_id": b""},
        {"trace_id": bytes(16)},
        {"trace_id": b"x" * 17},
        {"span_id": b""},
        {"span_id": bytes(8)},
        {"span_id": b"x" * 7},
        {"start_time_unix_nano": 0},
        {"start_time_unix_nano": otlp.LAST_NANOSECOND + 1},
    ],
    ids=str,
)
def test_one_span_that_cannot_be_kept_is_not_well(
    span: MakeSpan, request_of: MakeRequest, fields: dict[str, bytes | int]
) -> None:
    request = request_of(span(1), span(2, **fields), span(3))

    assert not is_well(request.SerializeToString(), spans=3, closed=())


def test_what_is_well_after_any_damage_strict_readers_take_and_all_its_spans_can_be_kept(body: bytes) -> None:
    random, well = Random(7), 0
    for _ in range(TRIES):
        damaged = bytearray(body)
        for _ in range(random.randint(1, 3)):
            damaged[random.randrange(len(body))] = random.randrange(256)
        if is_well(bytes(damaged), spans=3, closed=()):
            well += 1
            assert [otlp.refusal(span) for span in spans_of(bytes(damaged))] == [""] * 3
    assert 0 < well < TRIES
