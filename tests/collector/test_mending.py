from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanmeter_collector.mending import mend

MakeRequest = Callable[..., ExportTraceServiceRequest]
MakeSpan = Callable[..., Span]
NAME = ExportTraceServiceRequest.DESCRIPTOR.full_name


def mended(body: bytes) -> tuple[ExportTraceServiceRequest, dict[str, int]]:
    lost: Counter[str] = Counter()
    return ExportTraceServiceRequest.FromString(mend(NAME, body, lost)), dict(lost)


def part(number: int, *contents: bytes) -> bytes:
    """A field on the wire that holds a message or a text."""
    content, size = b"".join(contents), bytearray()
    left = len(content)
    while left > 127:
        size.append(left & 127 | 128)
        left >>= 7
    return bytes([number << 3 | 2, *size, left]) + content


def body_of(*spans: bytes) -> bytes:
    return part(1, part(2, *(part(2, span) for span in spans)))


def nested(depth: int, kind: str) -> bytes:
    """An attribute whose value nests lists or maps."""
    value = AnyValue(int_value=7).SerializeToString()
    for _ in range(depth):
        value = part(5, part(1, value)) if kind == "list" else part(6, part(1, part(1, b"k"), part(2, value)))
    return part(1, b"deep") + part(2, value)


def test_a_body_in_order_comes_back_as_it_was(span: MakeSpan, request_of: MakeRequest) -> None:
    request = request_of(span(1, attributes={"a": "é", "n": 7}), span(2))

    assert mended(request.SerializeToString()) == (request, {})


@pytest.mark.parametrize("place", ["name", "state", "key", "value", "item", "event", "about", "url"])
def test_a_text_that_is_not_utf8_is_mended_wherever_it_stands(span: MakeSpan, place: str) -> None:
    def body(**said: str) -> bytes:
        texts = {name: name for name in ("name", "state", "key", "value", "item", "event", "about", "url")} | said
        known = {texts["key"]: texts["value"], "list": [texts["item"]]}
        status, event = Status(message=texts["about"]), Span.Event(name=texts["event"])
        one = span(name=texts["name"], trace_state=texts["state"], attributes=known, status=status, events=[event])
        request = ExportTraceServiceRequest()
        request.resource_spans.add(schema_url=texts["url"]).scope_spans.add().spans.extend([one, span(2)])
        return request.SerializeToString()

    damaged = body(**{place: "n??"}).replace(b"n??", b"n\xc3\x28")

    with pytest.raises(DecodeError):
        ExportTraceServiceRequest.FromString(damaged)
    assert mended(damaged) == (ExportTraceServiceRequest.FromString(body(**{place: "n\ufffd("})), {"text": 1})


@pytest.mark.parametrize("kind", ["list", "map"])
@pytest.mark.parametrize("depth", [*range(25, 50), 5000])
@pytest.mark.parametrize("place", ["span", "event"])
def test_of_values_nested_too_deep_the_attribute_alone_is_left_out(
    span: MakeSpan, kind: str, depth: int, place: str
) -> None:
    good, bare = span(1).SerializeToString(), span(2, events=[Span.Event(name="retry")]).SerializeToString()
    deep = nested(depth, kind)
    event = part(11, part(2, b"retry"), part(3, deep))
    bad = span(2).SerializeToString() + event if place == "event" else bare + part(9, deep)
    body, without = body_of(good, bad), ExportTraceServiceRequest.FromString(body_of(good, bare))

    try:
        whole = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        assert mended(body) == (without, {"attribute": 1})
    else:
        assert mended(body)[0] in [whole, without]


PLACES = {"attribute": 9, "event": 11, "link": 13}


@pytest.mark.parametrize("garbage", [b"\xff", b"\x0a\xff\x01x", b"\x12\x02\x0a"])
@pytest.mark.parametrize("place", PLACES)
def test_of_garbage_in_place_of_a_part_the_part_alone_is_left_out(span: MakeSpan, garbage: bytes, place: str) -> None:
    whole = span(2, attributes={"n": 7}, links=[Span.Link(trace_state="kept")]).SerializeToString()
    body = body_of(span(1).SerializeToString(), whole + part(PLACES[place], garbage))

    assert mended(body) == (
        ExportTraceServiceRequest.FromString(body_of(span(1).SerializeToString(), whole)),
        {place: 1},
    )


def test_garbage_in_place_of_a_span_leaves_the_others(span: MakeSpan) -> None:
    good = span(1).SerializeToString()

    assert mended(body_of(good, b"garbage", good[:-1])) == (
        ExportTraceServiceRequest.FromString(body_of(good)),
        {"span": 2},
    )


def test_a_body_that_is_cut_off_is_not_mended(span: MakeSpan, request_of: MakeRequest) -> None:
    with pytest.raises(DecodeError):
        mended(request_of(span()).SerializeToString()[:-1])


def test_a_metric_that_cannot_be_read_is_left_out() -> None:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    metrics.add(name="kept")
    metrics.add(name="lost")
    body = request.SerializeToString().replace(b"\x0a\x04lost", b"\x0a\x09lost")
    lost: Counter[str] = Counter()

    mended = ExportMetricsServiceRequest.FromString(mend(request.DESCRIPTOR.full_name, body, lost))

    assert ([metric.name for metric in mended.resource_metrics[0].scope_metrics[0].metrics], lost) == (
        ["kept"],
        {"metric": 1},
    )
