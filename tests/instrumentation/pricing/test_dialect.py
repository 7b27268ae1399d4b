from __future__ import annotations

from typing import Any

import pytest

from spanmeter.pricing.counts import Counts
from spanmeter.pricing.dialect import Dialect

SPOKEN = Dialect.listed(
    {
        "input": "in alias deep.in",
        "output": "each.*.n",
        "input_audio": "parts.kind=AUDIO.n",
        "web_searches": "ran.=WEB|NEWS",
        "input_pixels": "wide+ high+",
    }
)


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ({}, Counts()),
        ({"other": 3}, Counts()),
        ({"alias": 3, "in": 2, "deep": {"in": 4}}, Counts(input=2)),
        ({"deep": {"in": 4}, "alias": 3}, Counts(input=3)),
        ({"in": None, "deep": {"in": 4}}, Counts(input=4)),
        ({"each": [{"n": 1}, {"n": 2}, {}, 7]}, Counts(output=3)),
        ({"parts": [{"kind": "AUDIO", "n": 5}, {"kind": "TEXT", "n": 9}]}, Counts(input_audio=5)),
        ({"parts": ({"kind": "Kind.audio", "n": 5}, {"kind": 4, "n": 1})}, Counts(input_audio=6)),
        ({"ran": ["WEB", "NEWS", "MAIL", ["WEB"]]}, Counts(units={"web_searches": 2})),
        ({"wide": 20, "high": 30}, Counts(units={"input_pixels": 50})),
    ],
    ids=str,
)
def test_reads_numbers_at_their_places(payload: dict[str, Any], told: Counts) -> None:
    notes: list[str] = []
    assert (SPOKEN.counts(payload, notes), notes) == (told, [])


@pytest.mark.parametrize(
    ("payload", "note"),
    [
        ({"in": -1}, "in is -1, which is no count"),
        ({"in": "many"}, "in is 'many', which is no count"),
        ({"in": float("nan")}, "in is float, which is no count"),
        ({"in": 10**30}, "in is int, which is no count"),
        ({"in": [1]}, "in is list, which is no count"),
        ({"parts": [{"kind": "AUDIO", "n": True}]}, "n is True, which is no count"),
    ],
    ids=str,
)
def test_says_what_is_no_count(payload: dict[str, Any], note: str) -> None:
    notes: list[str] = []
    SPOKEN.counts(payload, notes)
    assert notes == [note]


def test_knows_its_own_words() -> None:
    assert SPOKEN.speaks({"x": 1, "deep": {}})
    assert not SPOKEN.speaks({"x": 1})
