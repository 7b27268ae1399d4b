"""Content fits into its length and stays what it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanmeter.content.fitting import fitted, shortened

TEXTS = st.text(st.characters(), max_size=300)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=4),
    max_leaves=12,
)
CALLS = st.fixed_dictionaries({"type": st.just("tool_call"), "name": TEXTS, "arguments": VALUES})
PARTS = CALLS | st.fixed_dictionaries({"type": st.just("text"), "content": TEXTS})
MESSAGES = st.lists(st.fixed_dictionaries({"role": st.just("user"), "parts": st.lists(PARTS, max_size=5)}), max_size=8)
LENGTHS = st.integers(min_value=0, max_value=3000)


def message(*texts: str) -> dict[str, Any]:
    return {"role": "user", "parts": [{"type": "text", "content": text} for text in texts]}


@settings(max_examples=100, deadline=None)
@given(MESSAGES, LENGTHS)
def test_messages_of_any_kind_are_a_list_of_messages_that_fits(messages: list[Any], most: int) -> None:
    text = fitted(messages, most)

    assert len(text) <= most
    text.encode()
    if most >= 2:
        assert all(isinstance(said["role"], str) and isinstance(said["parts"], list) for said in json.loads(text))
    if len(whole := json.dumps(messages, ensure_ascii=False, separators=(",", ":"))) <= most:
        assert text == whole.encode(errors="replace").decode()


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=6) | st.lists(VALUES, max_size=6), st.integers(2, 3000))
def test_any_value_stays_json_of_its_kind_and_fits(value: Any, most: int) -> None:
    text = fitted(value, most)

    assert len(text) <= most
    assert isinstance(json.loads(text), type(value))


@given(st.text(max_size=400), st.integers(0, 400))
def test_a_text_fits_and_one_that_fits_already_is_itself(text: str, most: int) -> None:
    short = shortened(text, most)

    assert len(short) <= most
    if len(text) <= most:
        assert short == text


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    assert shortened("a" * 500 + "b" * 500, 100) == f"{'a' * 44} … [cut; 1000 characters in all] … {'b' * 21}"


def test_texts_are_shortened_evenly_and_short_ones_stay() -> None:
    text = fitted([message("s" * 5000), message("q")], 1000)

    first, second = json.loads(text)
    assert (second, len(text) > 700, "[cut; 5000 characters in all]" in first["parts"][0]["content"]) == (
        message("q"),
        True,
        True,
    )


def test_of_too_many_messages_the_first_and_the_last_stay() -> None:
    kept = json.loads(fitted([message(f"m{number}") for number in range(1000)], 2000))

    gone = next(said for said in kept if said["role"] == "omitted")
    assert (kept[0], kept[-1]) == (message("m0"), message("m999"))
    assert gone == {"type": "omitted", "name": f"{1000 - len(kept) + 1} left out", "role": "omitted", "parts": []}


def test_of_too_many_parts_the_first_and_the_last_stay() -> None:
    (kept,) = json.loads(fitted([message(*(f"p{number}" for number in range(1000)))], 2000))

    assert (kept["parts"][0]["content"], kept["parts"][-1]["content"]) == ("p0", "p999")
    assert [part["type"] for part in kept["parts"]].count("omitted") == 1


def test_a_schema_goes_as_a_whole_and_arguments_become_a_text() -> None:
    schema = {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(100)}}
    tool = {"type": "function", "name": "f", "parameters": schema}
    call = {"type": "tool_call", "name": "f", "arguments": schema}

    assert json.loads(fitted([tool], 500)) == [{"type": "function", "name": "f"}]
    (said,) = json.loads(fitted([{"role": "assistant", "parts": [call]}], 500))
    assert said["parts"][0]["arguments"].startswith('{"type":"object","properties":{"p0"')


@pytest.mark.parametrize(
    ("value", "most", "expected"),
    [
        ("a text", 10, "a text"),
        ("a text", 3, "a t"),
        (17, 2, "17"),
        (17, 1, ""),
        ({"a": 1}, 2, "{}"),
        ({"a": 1}, 1, ""),
        ([1, 2], 2, "[]"),
        ("half \ud83d", 10, "half ?"),
        ({"half": "\ud83d"}, 20, '{"half":"?"}'),
        ("ü", 1, "ü"),
    ],
)
def test_what_fits_is_written_and_what_cannot_is_not(value: Any, most: int, expected: str) -> None:
    assert fitted(value, most) == expected
