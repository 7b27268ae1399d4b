from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector.bundle import Bundle, bundles, open_span, span_sizes, write_sheet
from spanmeter_collector.otlp import attributes

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]


def test_a_request_is_a_bundle_for_each_scope_with_its_spans_as_they_came(
    span: MakeSpan, request_of: MakeRequest
) -> None:
    request = request_of(span(1), span(2))
    request.resource_spans[0].scope_spans.add(spans=[span(3)]).scope.name = "other"
    resource = {"service.name": "shop-rag"}

    first, second = bundles(request.SerializeToString(), received_at=7, repeated=True)

    assert first._replace(spans=()) == Bundle(resource, "spanmeter", (), 7, repeated=True)
    assert second._replace(spans=()) == Bundle(resource, "other", (), 7, repeated=True)
    assert [Span.FromString(one) for one in (*first.spans, *second.spans)] == [span(1), span(2), span(3)]


def test_the_sizes_of_spans_are_told_scope_by_scope(span: MakeSpan, request_of: MakeRequest) -> None:
    request = request_of(span(1), span(2, attributes={"key": "x" * 300}))
    request.resource_spans[0].scope_spans.add(spans=[span(3)])
    request.resource_spans.add().scope_spans.add()

    sizes = [[span(1).ByteSize(), span(2, attributes={"key": "x" * 300}).ByteSize()], [span(3).ByteSize()], []]
    assert span_sizes(request.SerializeToString()) == sizes


def test_an_empty_request_has_no_bundles() -> None:
    assert list(bundles(b"", received_at=1)) == []


def test_a_start_that_is_packed_as_the_door_takes_it_is_read(span: MakeSpan) -> None:
    start = span(1).start_time_unix_nano.to_bytes(8, "little")
    packed = span(1).SerializeToString().replace(b"\x39" + start, b"\x3a\x08" + start)

    opened, _ = open_span(packed)

    assert opened.start_time_unix_nano == span(1).start_time_unix_nano
    assert open_span(Span(name="none").SerializeToString())[0].start_time_unix_nano == 0


def test_a_span_opens_to_what_it_is_however_often_its_attributes_came(span: MakeSpan) -> None:
    said = {
        "text": "é",
        "long": "x" * 1000,
        "whole": -7,
        "part": 0.5,
        "truth": False,
        "bytes": b"\xff",
        "list": ["a", 1],
    }
    sent = span(attributes=said)
    sent.attributes.add(key="none")
    sent.attributes.add(key="text").value.string_value = "the last"
    sent.events.add(name="exception")

    for _ in range(2):
        opened, known = open_span(sent.SerializeToString())

        assert known == attributes(sent.attributes) == {**said, "none": None, "text": "the last"}
        assert opened.SerializeToString(deterministic=True) == sent.SerializeToString(deterministic=True)


def test_what_is_no_request_is_refused() -> None:
    with pytest.raises(DecodeError):
        list(bundles(b"\x0a\xff", received_at=1))


@pytest.mark.parametrize("size", [1, 100, 20_000, 3_000_000])
def test_a_sheet_has_its_length_before_it(size: int) -> None:
    file = io.BytesIO()

    write_sheet(Bundle({"service.name": "s", "k": "v"}, "scope", [b"x" * size], 1), file)

    length = shift = 0
    written = io.BytesIO(file.getvalue())
    while (byte := written.read(1)[0]) > 127:
        length |= (byte & 127) << shift
        shift += 7
    length |= byte << shift
    assert length == len(written.read())
    assert (b"x" * size in file.getvalue(), b"service.name" in file.getvalue()) == (True, False)
