"""Where no encoding is at hand, characters tell the tokens within the stated error."""

from __future__ import annotations

import inspect
import json
import pydoc_data.topics  # type: ignore[import-not-found, unused-ignore]
from collections.abc import Sequence

import pytest

from spanmeter.estimate.characters import BAND, count_characters
from spanmeter.estimate.encodings import encoding

PIECE = 2_000
NUMBERS = "\n".join(f"{row * 37.5:.2f},{row * row},{row / 7:.4f}" for row in range(4_000))


def pieces(text: str) -> Sequence[str]:
    return [text[at : at + PIECE] for at in range(0, len(text) - PIECE, PIECE)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\n".join(pydoc_data.topics.topics.values()), id="English"),
        pytest.param(inspect.getsource(inspect), id="Python"),
        pytest.param(json.dumps(pydoc_data.topics.topics), id="JSON"),
        pytest.param(NUMBERS, id="numbers"),
    ],
)
def test_19_of_20_texts_are_within_the_band(text: str) -> None:
    known = encoding("o200k_base")
    assert known is not None
    off = [abs(count_characters([piece]) / len(known.encode_ordinary(piece)) - 1) for piece in pieces(text)]

    assert sorted(off)[int(len(off) * 0.95)] < BAND


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("All human beings are born free and equal in dignity and rights.", 13),
        ("Alle Menschen sind frei und gleich an Würde und Rechten geboren.", 14),
        ("Tous les êtres humains naissent libres et égaux en dignité et en droits.", 17),
        ("Все люди рождаются свободными и равными в своем достоинстве и правах.", 17),  # noqa: RUF001
        ("يولد جميع الناس أحراراً متساوين في الكرامة والحقوق.", 18),
        ("सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।", 25),
        ("人人生而自由,在尊严和权利上一律平等。", 16),
        ("すべての人間は、生まれながらにして自由であり、尊厳と権利とについて平等である。", 32),
        ("모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.", 24),
    ],
    ids=["en", "de", "fr", "ru", "ar", "hi", "zh", "ja", "ko"],
)
def test_a_sentence_of_any_script_is_near(text: str, tokens: int) -> None:
    known = encoding("o200k_base")
    assert known is not None
    assert len(known.encode_ordinary(text)) == tokens
    assert count_characters([text]) == pytest.approx(tokens, rel=0.35)


def test_nothing_is_no_token() -> None:
    assert count_characters(["", " "]) == 0
