"""Texts are cut into pieces that are safe to count."""

from __future__ import annotations

import pytest

from spanmeter.estimate.excerpt import MOST_PIECES, PIECE, Excerpt, excerpt


def test_a_text_is_cut_between_words_and_loses_nothing() -> None:
    text = "several words " * 1_000
    found = excerpt([text, "short"])

    assert found.share == 1
    assert "".join(found.pieces) == text + "short"
    assert max(map(len, found.pieces)) <= PIECE
    assert all(piece.startswith(" ") for piece in found.pieces[1:-1])


def test_one_endless_word_is_cut_too() -> None:
    assert list(map(len, excerpt(["a" * (PIECE + 1)]).pieces)) == [PIECE, 1]


def test_of_too_much_text_evenly_spread_pieces_stand_for_the_whole() -> None:
    texts = ["a" * 4_000_000, "b" * 1_000_000, "", "c" * 5_000_000]
    found = excerpt(texts)

    assert len(found.pieces) == MOST_PIECES
    assert found.share == pytest.approx(PIECE * MOST_PIECES / 10_000_000, rel=0.01)
    assert [sum(piece[0] == letter for piece in found.pieces) for letter in "abc"] == [103, 25, 128]


@pytest.mark.parametrize("texts", [[], [""]])
def test_nothing_is_all_of_nothing(texts: list[str]) -> None:
    assert excerpt(texts) == Excerpt(tuple(texts), 1.0)
