from __future__ import annotations

from spanmeter_rag.provider.extract import NOTHING_FOUND, extract

CONTEXT = """Loops
*****

The "while" statement repeats as long as an expression is true.
The else clause of a loop runs when the loop ends without break.

A complex number has a real and an imaginary part."""


def test_the_sentences_that_share_most_with_the_question_come_in_their_order() -> None:
    assert extract("When does the else clause of a while loop run?", CONTEXT) == (
        'The "while" statement repeats as long as an expression is true. '
        "The else clause of a loop runs when the loop ends without break."
    )


def test_a_context_that_does_not_answer_is_said_to() -> None:
    assert extract("How do metaclasses differ?", CONTEXT) == NOTHING_FOUND


def test_without_a_context_the_question_becomes_search_words() -> None:
    assert extract("How do I define a class decorator?", "") == "define class decorator"
