"""Pieces of texts that are safe to count, and never too many of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

PIECE: Final = 4_096
"""Characters of a piece; tiktoken ends with a panic at hundreds of thousands of spaces in a row."""
MOST_PIECES: Final = 256


class Excerpt(NamedTuple):
    """Pieces of some texts; `share` is the part of all their characters, 1 when nothing was left out."""

    pieces: tuple[str, ...]
    share: float


def excerpt(texts: Sequence[str]) -> Excerpt:
    """Cut texts into pieces, between words where it can be; of more than a million characters evenly spread ones."""
    length = sum(map(len, texts))
    if length <= PIECE * MOST_PIECES:
        return Excerpt(tuple(piece for text in texts for piece in _cut(text)), 1.0)
    step = length / MOST_PIECES
    pieces = tuple(_spread(texts, step))
    return Excerpt(pieces, sum(map(len, pieces)) / length)


def _cut(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > PIECE:
        space = text.rfind(" ", start + 1, start + PIECE)
        end = space if space > 0 else start + PIECE
        yield text[start:end]
        start = end
    yield text[start:]


def _spread(texts: Sequence[str], step: float) -> Iterator[str]:
    """Yield a piece at every `step` characters of the texts laid end to end."""
    before, at = 0, 0.0
    for text in texts:
        while at < before + len(text):
            start = int(at) - before
            yield text[start : start + PIECE]
            at += step
        before += len(text)
