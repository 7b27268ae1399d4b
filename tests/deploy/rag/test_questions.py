from __future__ import annotations

from spanmeter_rag.questions import questions


def test_at_least_60_questions_are_asked_and_some_of_them_again() -> None:
    different = set(questions())
    assert len(different) >= 60
    assert 3 <= len(questions()) - len(different) <= 10
    assert all(question.endswith("?") for question in questions())


def test_some_are_the_same_but_for_their_writing() -> None:
    plain = {question.replace('"', "").lower() for question in questions()}
    assert len(plain) < len(set(questions()))
