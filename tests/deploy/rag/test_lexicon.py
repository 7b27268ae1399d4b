from __future__ import annotations

from spanmeter_rag.answer import Source
from spanmeter_rag.corpus import Passage, passages
from spanmeter_rag.lexicon import Lexicon

SHELF = [
    Passage("for-0", "statements", "for", "The for statement", "The else clause of a loop runs when the loop ends."),
    Passage("set-0", "expressions", "set", "Set displays", "A set display yields a new mutable set."),
    Passage("def-0", "statements", "def", "Functions", "Default values of a function are evaluated once."),
]


def test_the_passage_that_shares_most_telling_words_comes_first() -> None:
    found = Lexicon(SHELF).search("When does the ELSE clause of a loop run?", count=2)
    assert found[0] == Source("for-0", "The for statement", SHELF[0].text, 1.0)
    assert [source.score for source in found] == sorted((source.score for source in found), reverse=True)


def test_what_shares_nothing_is_not_found() -> None:
    assert Lexicon(SHELF).search("Zebras?", count=4) == ()
    assert Lexicon([]).search("Zebras?", count=4) == ()


def test_it_finds_the_topic_in_the_whole_reference() -> None:
    found = Lexicon(passages()).search("How are default argument values of a function evaluated?", count=4)
    assert {source.id.partition("-")[0] for source in found} & {"function", "compound"}
    assert len(found) == 4
