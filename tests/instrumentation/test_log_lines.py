"""Lines say which trace, request and customer a record belongs to."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import spanmeter
from spanmeter.log_lines import JsonLines, ReadableLines, surroundings

AT = 1_790_000_000.125


def record(message: str = "found %d", *arguments: Any, **extras: Any) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"name": "shop.search", "levelno": 20, "levelname": "INFO", "msg": message, "args": arguments, **extras}
    )
    made.created = AT
    return made


def test_a_json_line_has_all_that_is_known() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with (
        tracer.start_as_current_span("request") as span,
        spanmeter.context(user="u1", session="s1", tenant="acme", feature="search", team="core"),
        spanmeter.context(request_id="r-1", plan="gold"),
    ):
        line = json.loads(JsonLines().format(record("found %d", 3, shelf="b")))

    context = span.get_span_context()
    assert line == {
        "time": "2026-09-21T14:13:20.125+00:00",
        "level": "info",
        "logger": "shop.search",
        "message": "found 3",
        "trace_id": trace.format_trace_id(context.trace_id),
        "span_id": trace.format_span_id(context.span_id),
        "request_id": "r-1",
        "user": "u1",
        "session": "s1",
        "tenant": "acme",
        "feature": "search",
        "team": "core",
        "tags": {"plan": "gold"},
        "shelf": "b",
    }


def test_what_is_not_known_is_left_out() -> None:
    assert surroundings() == {}
    line = json.loads(JsonLines().format(record("done")))
    assert sorted(line) == ["level", "logger", "message", "time"]


@pytest.mark.parametrize(
    ("value", "spelled"),
    [({1}, "{1}"), (float("nan"), "nan"), ({(1, 2): 3}, "{(1, 2): 3}"), ("half \ud83d", "half \ud83d")],
    ids=["a set", "no number", "a key that is no text", "half a character"],
)
def test_a_value_that_json_does_not_know_is_spelled(value: object, spelled: str) -> None:
    text = JsonLines().format(record("done", key=value))
    assert json.loads(text.encode(), parse_constant=pytest.fail)["key"] == spelled


def failed() -> logging.LogRecord:
    try:
        int("no shelf")
    except ValueError:
        return record("failed", exc_info=sys.exc_info())
    raise AssertionError


def test_a_traceback_is_part_of_the_line() -> None:
    text = JsonLines().format(failed())
    assert "\n" not in text
    assert json.loads(text)["error"].endswith("'no shelf'")


def test_a_readable_line_has_the_message_first() -> None:
    with spanmeter.context(tenant="acme", plan="gold"):
        line = ReadableLines().format(record("found %d", 3, shelf="b"))
    assert line[8:] == ".125 INFO     shop.search  found 3  plan=gold  tenant=acme  shelf=b"


@pytest.mark.parametrize("formatter", [JsonLines(), ReadableLines()])
def test_where_it_was_logged_is_told_when_asked(formatter: logging.Formatter) -> None:
    assert "the stack" in formatter.format(record("here", stack_info="the stack"))


def test_a_readable_traceback_stands_below() -> None:
    head, *below = ReadableLines().format(failed()).splitlines()
    assert head.endswith("shop.search  failed")
    assert below[0] == "Traceback (most recent call last):"
    assert below[-1] == "ValueError: invalid literal for int() with base 10: 'no shelf'"
