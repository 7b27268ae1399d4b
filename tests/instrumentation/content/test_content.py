"""What a call quotes becomes attributes of its span, within the limits that hold for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from tests.instrumentation.quotes import text

from spanmeter import barrier, capture, semconv
from spanmeter.content.content import Quote, finish_reason, message, quoted

LONG = [message("user", [text("word " * 2000)]), message("user", [text("?")])]


def written(
    *quotes: Quote | None, how: str = "stopped", heard: list[str] | None = None, **options: Any
) -> dict[str, Any]:
    """The attributes of a span of the SDK's that quotes this."""
    provider, exporter = TracerProvider(**options), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    span = provider.get_tracer("t").start_span("s")
    quoted(span, quotes, how=how, heard=heard)
    span.end()
    return {key: value for ended in exporter.get_finished_spans() for key, value in (ended.attributes or {}).items()}


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The operator's own limit of 1,000 characters."""
    monkeypatch.setenv(capture.LIMIT_VARIABLE, "1000")
    capture.content_limit.cache_clear()
    yield
    capture.content_limit.cache_clear()


def test_lists_are_json_and_texts_are_themselves() -> None:
    attributes = written(lambda: {semconv.INPUT_MESSAGES: LONG[1:], semconv.RETRIEVAL_QUERY: "q"})

    expected = '[{"role":"user","parts":[{"type":"text","content":"?"}]}]'
    assert attributes == {semconv.INPUT_MESSAGES: expected, semconv.RETRIEVAL_QUERY: "q"}


def test_the_sdk_s_limit_cuts_no_json_in_half() -> None:
    limits = SpanLimits(max_span_attribute_length=300)
    attributes = written(lambda: {semconv.INPUT_MESSAGES: LONG}, span_limits=limits)

    cut = attributes[semconv.INPUT_MESSAGES]
    assert len(cut) <= 300
    assert json.loads(cut)[1] == LONG[1]


@pytest.mark.usefixtures("limit")
def test_the_operator_s_limit_holds_where_it_is_the_lower_one() -> None:
    limits = SpanLimits(max_span_attribute_length=5000)
    cut = written(lambda: {semconv.INPUT_MESSAGES: LONG}, span_limits=limits)[semconv.INPUT_MESSAGES]

    assert (700 < len(cut) <= 1000, json.loads(cut)[1]) == (True, LONG[1])


def test_a_limit_without_room_for_any_json_leaves_the_attribute_out() -> None:
    assert written(lambda: {semconv.INPUT_MESSAGES: LONG}, span_limits=SpanLimits(max_span_attribute_length=1)) == {}


def test_a_span_that_is_not_sampled_reads_nothing() -> None:
    def read() -> dict[str, Any]:
        raise AssertionError

    assert written(read, sampler=ALWAYS_OFF) == {}


@pytest.mark.parametrize(("how", "reason"), [("failed", "error"), ("cancelled", "cancelled")])
def test_what_was_heard_stands_in_for_an_answer_that_never_came(how: str, reason: str) -> None:
    empty = [message("assistant", [])]
    attributes = written(lambda: {semconv.OUTPUT_MESSAGES: empty}, how=how, heard=["Half ", "an"])

    (said,) = json.loads(attributes[semconv.OUTPUT_MESSAGES])
    assert said == {"role": "assistant", "parts": [text("Half an")], "finish_reason": reason}


def test_an_answer_without_words_says_why_it_ended() -> None:
    empty = [{**message("assistant", []), "finish_reason": "length"}]

    (said,) = json.loads(written(lambda: {semconv.OUTPUT_MESSAGES: empty})[semconv.OUTPUT_MESSAGES])
    assert said == {"role": "assistant", "parts": [], "finish_reason": "length"}


def test_what_cannot_be_read_is_left_out_alone() -> None:
    barrier.raise_faults(on=False)

    def fails() -> dict[str, Any]:
        raise ValueError

    endless: list[Any] = []
    endless.append(endless)
    content = {semconv.RETRIEVAL_QUERY: "q", semconv.RETRIEVAL_DOCUMENTS: endless}

    assert written(fails, None, lambda: content) == {semconv.RETRIEVAL_QUERY: "q"}
    assert dict(barrier.faults) == {"_read": 1, "_spelled": 1}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("stop", "stop"),
        ("tool_calls", "tool_call"),
        ("MAX_TOKENS", "length"),
        ("end_turn", "stop"),
        (None, ""),
        (7, ""),
    ],
)
def test_finish_reasons_are_the_convention_s(told: object, expected: str) -> None:
    assert finish_reason(told) == expected
