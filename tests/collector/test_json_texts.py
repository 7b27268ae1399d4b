"""The texts of JSON are changed as what they say, and JSON stays JSON."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanmeter_collector.broken_json import texts_left
from spanmeter_collector.json_texts import TextPlaces, text_places, with_texts


def shout(text: str) -> str:
    return text.replace("ada", '"ADA"').replace("7", "seven")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"ada": "x\\nada"}]', [{'"ADA"': 'x\n"ADA"'}]),
        ('[{"role": "ada", "parts": 1}]', [{"role": '"ADA"', "parts": 1}]),
        ('{"a": ["\\u0061da", 7, true, null]}', {"a": ['"ADA"', 7, True, None]}),
        ('{"a": "{\\"b\\": \\"\\\\u0061da\\"}"}', {"a": '{"b":"\\"ADA\\""}'}),
        ('["ada \\ud800"]', ['"ADA" ?']),
    ],
    ids=["keys and texts", "words of the conventions", "escapes", "JSON within", "half a character"],
)
def test_texts_are_changed_wherever_they_stand(text: str, expected: object) -> None:
    assert json.loads(with_texts(text, shout) or "") == expected


def test_numbers_are_changed_where_that_is_asked() -> None:
    assert (with_texts("[7, 1.5, true]", shout), with_texts("[7, 1.5, true]", shout, numbers=True)) == (
        "[7, 1.5, true]",
        '["seven",1.5,true]',
    )


@pytest.mark.parametrize("text", ["ada", '"ada"', "7", "[redacted]", '[{"ada', "[" * 100_000, '{"a":"ada","a":1}', ""])
def test_what_is_no_object_or_list_or_says_a_key_twice_is_none(text: str) -> None:
    assert with_texts(text, shout) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    max_leaves=10,
)


@given(st.lists(VALUES), st.sampled_from([json.dumps, lambda value: json.dumps(value, ensure_ascii=False)]))
def test_what_does_not_change_stays_as_it_was_written(value: object, dumps: Callable[[object], str]) -> None:
    written = dumps(value).replace("\\ud", "\\u00d")

    assert with_texts(written, lambda text: text, numbers=True) == written


def test_the_places_of_texts_leave_quotes_out() -> None:
    text = '{"a\\"b": ["c", 1]}'
    places = text_places(text)

    held = [places.hold(*match.span()) for match in re.finditer('a\\\\"b|"c"|c|1|a\\\\', text)]

    assert held == [True, False, False]


def test_long_texts_take_no_memory_beyond_their_own() -> None:
    text = json.dumps({"text": 'a\n"' * 100_000})
    tracemalloc.start()
    try:
        found = text_places(text), list(map(len, texts_left(text[:-1])))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found == (TextPlaces([2, 10], [6, len(text) - 2]), [300_000])
    assert most < 5 * len(text)
