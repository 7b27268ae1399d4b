"""Tokens guessed from the characters alone, for machines without an encoding."""

from __future__ import annotations

import re
from typing import Final

_PIECES: Final = re.compile(r"[a-zA-Z]+|\d{1,3}|[^\W\d_a-zA-Z]+|[^\w\s]+|\n+|_")


def count_characters(text: str) -> int:
    """Guess the tokens of a text: words, digits by three, signs, line ends."""
    return round(sum(map(_weight, _PIECES.findall(text))))


def _weight(piece: str) -> float:
    first = piece[0]
    if first.isascii():
        return 1 + (len(piece) - 1) // 8 if first.isalpha() else (len(piece) + 1) / 2
    return len(piece) * (0.8 if first >= "⺀" else 0.4)
