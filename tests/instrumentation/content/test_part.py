"""Parts hold what JSON can, whatever was put into them."""

from __future__ import annotations

import json
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from spanmeter.content import part


class Colour(Enum):
    RED = "red"


class Model(BaseModel):
    key: SecretStr
    inner: list[int]


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else "deep"


VALUES: dict[str, tuple[Any, Any]] = {
    "a text": ("a", "a"),
    "a truth": (True, True),
    "nothing": (None, None),
    "a number": (1.5, 1.5),
    "no number": (float("nan"), "nan"),
    "a number without end": (float("-inf"), "-inf"),
    "a number too long for JSON readers": (1 << 300, hex(1 << 300)),
    "another kind of number": (Decimal("1.10"), "1.10"),
    "bytes": (b"abc", "3 bytes"),
    "a name": (Colour.RED, "red"),
    "a model, whose secrets stay secret": (Model(key=SecretStr("k"), inner=[1]), {"key": "**********", "inner": [1]}),
    "a class": (Model, str(Model)),
    "keys of other types": ({1: "a", (2, 3): "b"}, {"1": "a", "(2, 3)": "b"}),
    "a tuple": ((1, {2}), [1, [2]]),
}


@pytest.mark.parametrize(("value", "expected"), VALUES.values(), ids=VALUES)
def test_a_value_becomes_what_json_has(value: Any, expected: Any) -> None:
    assert part.plain_value(value) == expected


def test_what_is_nested_too_deep_is_left_out() -> None:
    assert json.dumps(part.plain_value(nested(40))) == "[" * 16 + '"\\u2026"' + "]" * 16


TOOLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "OpenAI's": (
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}},
    ),
    "of OpenAI's responses": (
        {"type": "function", "name": "f", "parameters": {}},
        {"type": "function", "name": "f"},
    ),
    "Anthropic's": (
        {"name": "f", "description": "d", "input_schema": {"type": "object"}},
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}},
    ),
    "the provider's own": (
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
        {"type": "web_search_20250305", "name": "web_search"},
    ),
    "without a name": ({"type": "file_search"}, {"type": "file_search", "name": "file_search"}),
}


@pytest.mark.parametrize(("tool", "expected"), TOOLS.values(), ids=TOOLS)
def test_a_tool_is_defined_in_the_convention_s_words(tool: dict[str, Any], expected: dict[str, Any]) -> None:
    assert part.definition(tool) == expected


def test_a_long_text_is_shortened_at_once() -> None:
    told = part.text("a" * 1_000_000)["content"]

    assert (len(told), "1000000 characters in all" in told) == (65_536, True)


def test_arguments_that_are_no_json_stay_as_they_are() -> None:
    assert part.tool_call("c", "f", "{half") == {"type": "tool_call", "id": "c", "name": "f", "arguments": "{half"}
