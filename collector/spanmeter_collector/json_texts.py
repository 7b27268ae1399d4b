"""The texts inside a JSON text: read without its escapes, changed, and written so that JSON stays JSON."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

Change = Callable[[str], str]

_BEGINNINGS: Final = ("{", "[")
_WORDS: Final = frozenset(
    {"role", "parts", "type", "content", "text", "name", "id", "arguments", "response", "metadata"}
)
"""Keys of messages and documents in the conventions: no texts of anybody's, and nothing is found without them."""
_TEXT: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
"""Possessive: to go back in a long text would take a hundred bytes of memory a character."""
_write: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def with_texts(text: str, change: Change, *, numbers: bool = False) -> str | None:
    """A JSON object or list with its texts and keys changed; None where `text` is none, itself where nothing changed.

    None also where a key stands twice in one object, for only the last of them would be looked at. Texts that are such
    JSON themselves are changed inside as well. With `numbers` they are changed too, to texts.
    """
    if not text.lstrip().startswith(_BEGINNINGS):
        return None
    try:
        found = json.loads(text, object_pairs_hook=_object)
        changed = _changed(found, change, numbers=numbers)
    except (ValueError, RecursionError):
        return None
    return text if changed is found else _write(changed)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _changed(found: Any, change: Change, *, numbers: bool) -> Any:  # noqa: ANN401  whatever a sender wrote
    """The same object where nothing in it changed."""
    if isinstance(found, str):
        sendable = found if found.isascii() else found.encode(errors="replace").decode()
        inside = with_texts(sendable, change, numbers=numbers)
        return _other(found, change(sendable) if inside is None else inside)
    if isinstance(found, list):
        items = [_changed(item, change, numbers=numbers) for item in found]
        return found if all(map(_is, items, found)) else items
    if isinstance(found, dict):
        pairs = [
            (key if key in _WORDS else _changed(key, change, numbers=numbers), _changed(item, change, numbers=numbers))
            for key, item in found.items()
        ]
        are_same = all(key is known and item is found[known] for (key, item), known in zip(pairs, found, strict=True))
        return found if are_same else dict(pairs)
    if numbers and isinstance(found, int | float) and not isinstance(found, bool):
        return _other(found, change(_write(found)))
    return found


def _is(one: object, other: object) -> bool:
    return one is other


def _other(found: Any, changed: str) -> Any:  # noqa: ANN401  as above
    return found if changed == (found if isinstance(found, str) else _write(found)) else changed


@dataclass(slots=True)
class Findings:
    """Whether one of the texts inside has to take all of it with it."""

    drops: bool = False

    def kept(self, text: str | None) -> str:
        """A text that stays; None is one that does not."""
        self.drops |= text is None
        return text or ""


@dataclass(frozen=True, slots=True)
class TextPlaces:
    """Where in a JSON text the texts stand, their quotes left out: beginnings and ends."""

    begins: Sequence[int]
    ends: Sequence[int]

    def hold(self, begins: int, ends: int) -> bool:
        """Whether a stretch lies within one of them."""
        place = bisect_right(self.begins, begins) - 1
        return place >= 0 and ends <= self.ends[place]


def text_places(text: str) -> TextPlaces:
    """The places of the texts in a JSON text."""
    found = [match.span() for match in _TEXT.finditer(text)]
    return TextPlaces([begins + 1 for begins, _ in found], [ends - 1 for _, ends in found])
