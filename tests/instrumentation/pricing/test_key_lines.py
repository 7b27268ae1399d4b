from __future__ import annotations

import tomllib
from collections.abc import Iterator

from spanmeter.pricing.key_lines import Path, key_lines, line_of

TEXT = '''# top
title = "a # no comment"  # a comment with [brackets]
[[price]]
provider = 'x = 3'
models = [
  "a]",  # ]
  "b",
]
text = """
[[price]]
key = 1 \\"""
"""""
usd.input = 1
[price."per unit".'a.b']
searches = [[0, 1], [5, 2]]
[[price]]

"quoted key" = """one"""
raw = \'\'\'
not = "a key"
\'\'\'
inline = { a = 1, b = { c = 2 } }
[[price.step]]
n = 1
[[price.step]]
n = 2
[other]
x = 1979-05-27T07:32:00Z'''
LINES = {
    ("title",): 2,
    ("price", 0): 3,
    ("price", 0, "provider"): 4,
    ("price", 0, "models"): 5,
    ("price", 0, "text"): 9,
    ("price", 0, "usd", "input"): 13,
    ("price", 0, "per unit", "a.b"): 14,
    ("price", 0, "per unit", "a.b", "searches"): 15,
    ("price", 1): 16,
    ("price", 1, "quoted key"): 18,
    ("price", 1, "raw"): 19,
    ("price", 1, "inline"): 22,
    ("price", 1, "step", 0): 23,
    ("price", 1, "step", 0, "n"): 24,
    ("price", 1, "step", 1): 25,
    ("price", 1, "step", 1, "n"): 26,
    ("other",): 27,
    ("other", "x"): 28,
}


def test_each_key_has_its_line() -> None:
    assert key_lines(TEXT) == LINES


def test_there_is_no_key_that_tomllib_does_not_read() -> None:
    assert key_lines(TEXT).keys() <= set(_paths(tomllib.loads(TEXT)))


def _paths(value: object, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from _paths(inner, (*path, key))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield (*path, index)
            yield from _paths(inner, (*path, index))


def test_a_key_inside_an_inline_table_is_on_the_line_of_the_table() -> None:
    assert line_of(LINES, ("price", 1, "inline", "b", "c")) == 22


def test_what_stands_nowhere_is_at_the_top() -> None:
    assert line_of(LINES, ("nothing",)) == 1
