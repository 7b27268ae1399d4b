"""What is written on a span is what the SDK itself would have written."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.trace import INVALID_SPAN
from tests.instrumentation.side_by_side import Pair

from spanmeter.attributes import write
from spanmeter.light_span import LightSpan

ATTRIBUTES: dict[str, Any] = {
    "word": "chat",
    "count": 7,
    "share": 0.5,
    "hit": True,
    "reasons": ("stop", "length"),
    "first": "again",
}


@pytest.mark.parametrize(
    ("limits", "further"),
    [
        pytest.param(SpanLimits(), {}, id="clean"),
        pytest.param(SpanLimits(max_span_attributes=3), {}, id="too many"),
        pytest.param(SpanLimits(max_span_attribute_length=2), {}, id="too long"),
        pytest.param(SpanLimits(), {"list": ["stop"]}, id="a list"),
        pytest.param(SpanLimits(), {"nothing": None}, id="no value"),
    ],
)
def test_it_is_what_the_sdk_writes(
    limits: SpanLimits, further: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, logger="opentelemetry.attributes")
    tracer = TracerProvider(span_limits=limits, shutdown_on_exit=False).get_tracer("test")
    ours, theirs = (tracer.start_span("call", attributes={"first": "one"}) for _ in range(2))

    write(ours, ATTRIBUTES | further)
    theirs.set_attributes(ATTRIBUTES | further)

    assert dict(ours.attributes) == dict(theirs.attributes)  # type: ignore[attr-defined]
    assert ours.dropped_attributes == theirs.dropped_attributes  # type: ignore[attr-defined]


def test_a_span_that_records_nothing_takes_anything() -> None:
    write(INVALID_SPAN, ATTRIBUTES)


@pytest.mark.parametrize("taking", [False, True], ids=["exporter", "taker"])
@pytest.mark.parametrize(
    ("limits", "further"),
    [
        pytest.param(SpanLimits(), {}, id="clean"),
        pytest.param(SpanLimits(max_span_attributes=7), {"first": "one", "last": 1}, id="too many"),
        pytest.param(SpanLimits(), {"list": ["stop"]}, id="a list"),
        pytest.param(SpanLimits(), {"nothing": None}, id="no value"),
    ],
)
def test_it_is_what_the_sdk_writes_on_a_light_span_too(
    limits: SpanLimits, further: dict[str, Any], caplog: pytest.LogCaptureFixture, *, taking: bool
) -> None:
    caplog.set_level(logging.ERROR, logger="opentelemetry.attributes")
    pair = Pair(limits=limits, taking=taking)
    theirs, ours = pair.start(INVALID_SPAN, {"first": "one", "second": 2})

    write(ours, ATTRIBUTES | further)
    theirs.set_attributes(ATTRIBUTES | further)
    for span in (theirs, ours):
        span.end()

    told = pair.exported()
    assert isinstance(ours, LightSpan)
    assert told[0] == told[1]
