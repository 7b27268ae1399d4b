from __future__ import annotations

from typing import Any

import pytest

from spanmeter_collector.otlp import text
from spanmeter_collector.reading import read
from spanmeter_collector.shape import Shape, ShapeRow

CALL: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "user.id": "u1",
    "spanmeter.tag.branch": "main",
    "input.value": "who?",
}


def shape_of(known: dict[str, Any], scope: str = "spanmeter") -> Shape:
    shape = Shape.of(known, scope=scope, content=False)
    assert shape is not None
    return shape


def test_the_engine_is_told_what_all_spans_say_and_where_they_differ() -> None:
    assert shape_of(CALL).row(7, CALL) == ShapeRow(
        7,
        telling=False,
        measured=True,
        operation="chat",
        provider="openai",
        request_model="gpt-4o-mini",
        model="gpt-4o-mini",
        user_at=6,
        said_at=[4, 5, 7],
        rest=[False, False, False, True, True, False, True, False],
        counted=True,
        input_at=4,
        output_at=5,
        tag=[False, False, False, False, False, False, True, False],
        tags=["branch"],
    )


def test_of_a_step_nothing_is_measured() -> None:
    step: dict[str, Any] = {
        "spanmeter.operation": "chain",
        "user.id": "",
        "enduser.id": "u",
        "spanmeter.outcome": "cancelled",
        "n": 1,
    }

    assert shape_of(step).row(1, step) == ShapeRow(
        1,
        telling=False,
        cancelled=True,
        operation="chain",
        user_at=3,
        rest=[False, True, False, True, True],
        tag=[False] * 5,
        tags=[],
    )


@pytest.mark.parametrize(
    ("differs", "scope", "counted"),
    [
        ({}, "spanmeter.langchain", True),
        ({"gen_ai.usage.cache_read.input_tokens": "1", "gen_ai.usage.reasoning.output_tokens": 2}, "spanmeter", True),
        ({}, "openinference.instrumentation.openai", False),
        ({"spanmeter.calls": 2}, "spanmeter", False),
        ({"spanmeter.wrapper": True}, "spanmeter", False),
        ({"spanmeter.inside_call": True}, "spanmeter", False),
        ({"spanmeter.reported_cost.usd": "0.1"}, "spanmeter", False),
        ({"spanmeter.usage.web_searches": 1}, "spanmeter", False),
        ({"gen_ai.usage.input_tokens": ""}, "spanmeter", False),
        ({"gen_ai.operation.name": "execute_tool"}, "spanmeter", False),
    ],
)
def test_the_engine_charges_calls_of_ours_whose_cost_only_tokens_decide(
    differs: dict[str, Any], scope: str, *, counted: bool
) -> None:
    known = CALL | differs
    assert shape_of(known, scope).row(1, known).counted is counted


@pytest.mark.parametrize(
    ("differs", "scope"),
    [
        ({"gen_ai.usage.input_tokens": 7, "spanmeter.tag.branch": "b"}, "spanmeter"),
        ({"gen_ai.usage.input_tokens": "none", "gen_ai.usage.prompt_tokens": "12"}, "opentelemetry"),
        ({"gen_ai.usage.input_tokens": -1, "gen_ai.usage.output_tokens": "?"}, "logfire.openai"),
        ({"gen_ai.response.time_to_first_chunk": 0.25, "spanmeter.calls": 3}, "spanmeter"),
        ({"spanmeter.reported_cost.usd": "0.0015", "spanmeter.usage.grade": "estimated"}, "spanmeter.langchain"),
    ],
    ids=["numbers", "another-key", "half-a-stream", "stream", "reported"],
)
def test_a_reading_by_its_shape_is_that_of_the_span(differs: dict[str, Any], scope: str) -> None:
    example = {**CALL, **differs, "gen_ai.usage.input_tokens": 1}
    known = CALL | differs
    expected = read(known, scope=scope)
    words = [str(word) for word in expected[: expected._fields.index("error_type")]]
    shape = shape_of({key: example[key] for key in known}, scope)

    found = shape.reading(words, "", [text(known[key]) for key in shape.said])

    assert found == expected._replace(rest={})


@pytest.mark.parametrize(
    "said",
    [
        {"spanmeter.usage.parts": "[]"},
        {"gen_ai.usage.raw": "{}"},
        {"spanmeter.instrumented": True},
        {"list": ["a"]},
        {"bytes": b"a"},
        {"none": None},
    ],
    ids=["parts", "raw-usage", "langsmith", "list", "bytes", "none"],
)
def test_what_takes_more_than_places_has_no_shape(said: dict[str, Any]) -> None:
    assert Shape.of(CALL | said, scope="spanmeter", content=True) is None
