"""Of messages in JSON that was cut, what stands in it is still read."""

from __future__ import annotations

import pytest

from spanmeter_collector.broken_json import is_broken, texts_left


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"role":"u","parts":[{"content":"a\\"b","type":"text"},{"content": "c', ['a"b', "c"]),
        ('[{"content":"\\u00e4 \\', ["ä "]),
        ('[{"content":""},{"arguments":"{}"', ["{}"]),
        ('[{"role":"u', ['[{"role":"u']),
    ],
    ids=["messages", "an escape in half", "empty ones", "none"],
)
def test_its_texts_are_left(text: str, expected: list[str]) -> None:
    assert texts_left(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [('[{"a', True), (' { "a": [redacted]}', True), ("[redacted]", False), ("{name} asks", False), ("[1] and", False)],
)
def test_only_what_begins_as_messages_is_broken(text: str, expected: bool) -> None:  # noqa: FBT001
    assert is_broken(text) is expected
