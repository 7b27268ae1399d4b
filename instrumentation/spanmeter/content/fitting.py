"""Fits content into a length: JSON stays JSON, texts keep their beginning and their end."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

_STEPS: Final = 24
_SHRINK: Final = 0.75
_SHORTEST: Final = 64
_TAIL: Final = 3
"""One part of so many of what is kept of a text is its end: questions often stand below their context."""
_SCHEMAS: Final = frozenset({"parameters"})
"""Values that make no sense in part."""
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters: its beginning and its end around a mark that tells how long it was."""
    if len(text) <= most:
        return text
    mark = f" … [cut; {len(text)} characters in all] … "
    room = most - len(mark)
    if room <= 0:
        return text[:most]
    tail = room // _TAIL
    return text[: room - tail] + mark + text[len(text) - tail :]


def fitted(value: Any, most: int) -> str:  # noqa: ANN401  as JSON has it
    """A value in at most so many characters: a text as it is or shortened, anything else as JSON. "" if nothing fits.

    Of a list or a mapping the first of these that suffices: as it is; its texts and values shortened evenly; items and
    parts left out behind the first third, with one in their place that says how many; empty.
    """
    if isinstance(value, str):
        fits = shortened(value, most)
    elif isinstance(value, list):
        fits = _list_text(value, most)
    elif isinstance(value, Mapping):
        fits = _list_text([value], most + 2)[1:-1] or "{}"
    else:
        fits = _encode(value)
    return _sendable(fits) if len(fits) <= most else ""


def _list_text(items: Sequence[Any], most: int) -> str:
    whole = _encode(items)
    if len(whole) <= most:
        return whole
    lengths = [max(_SHORTEST, int(most * _SHRINK**step)) for step in range(_STEPS)]
    step = _first(lengths, lambda length: len(_encode(_shorter(items, length))) <= most)
    if step < _STEPS:
        return _encode(_shorter(items, lengths[step]))
    short = _shorter(items, _SHORTEST)
    counts = [max(1, int(len(whole) * _SHRINK**step) // _SHORTEST) for step in range(2 * _STEPS)]
    step = _first(counts, lambda count: len(_encode(_fewer(short, count))) <= most)
    return _encode(_fewer(short, counts[step])) if step < len(counts) else "[]"


def _first(choices: Sequence[int], fits: Callable[[int], bool]) -> int:
    """The place of the first, and largest, choice that fits; how many there are if none does."""
    return bisect_left(choices, True, key=fits)


def _shorter(items: Sequence[Any], most: int) -> list[Any]:
    return [_shorter_item(item, most) if isinstance(item, Mapping) else _short(item, most) for item in items]


def _shorter_item(item: Mapping[str, Any], most: int) -> dict[str, Any]:
    return {key: _short(value, most) for key, value in item.items() if not _is_half_a_schema(key, value, most)}


def _short(value: Any, most: int) -> Any:  # noqa: ANN401  as JSON has it
    if isinstance(value, str):
        return shortened(value, most)
    if not isinstance(value, Mapping | list):
        return value
    if isinstance(value, list) and all(isinstance(item, Mapping) and "type" in item for item in value):
        return _shorter(value, most)
    encoded = _encode(value)
    return value if len(encoded) <= most else shortened(encoded, most)


def _is_half_a_schema(key: str, value: Any, most: int) -> bool:  # noqa: ANN401  as JSON has it
    return key in _SCHEMAS and value is not None and len(_encode(value)) > most


def _fewer(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many items, and of each as many parts; one in between tells how many are left out."""
    kept = items
    if len(items) > most:
        first = most // _TAIL
        gone = {"type": "omitted", "name": f"{len(items) - most} left out", "role": "omitted", "parts": []}
        kept = [*items[:first], gone, *items[len(items) - most + first :]]
    return [_with_fewer_parts(item, most) for item in kept]


def _with_fewer_parts(item: Any, most: int) -> Any:  # noqa: ANN401  as JSON has it
    parts = item.get("parts") if isinstance(item, Mapping) else None
    return {**item, "parts": _fewer(parts, most)} if isinstance(parts, list) and parts else item


def _sendable(text: str) -> str:
    """The same text without halves of characters, which OTLP cannot carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
