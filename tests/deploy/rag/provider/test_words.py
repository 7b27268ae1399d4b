from __future__ import annotations

import pytest

from spanmeter_rag.provider.words import keywords, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How are default argument values evaluated?", ["default", "argu", "valu", "evalu"]),
        ('What does the "with" statement do?', ["<with>", "state"]),
        ("the for loop", ["<for>", "loop"]),
        ("__getattr__ and a.b", ["__getattr__", "b"]),
        ("a << b", ["<<", "b"]),
        ("", []),
    ],
)
def test_terms_leave_out_what_says_nothing(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_related_words_are_one_term() -> None:
    assert terms("decorated") == terms("decorates")


def test_keywords_keep_the_writing_and_quote_words_of_the_language() -> None:
    assert keywords("What does the with statement do for __enter__?") == ['"with"', "statement", "__enter__"]
