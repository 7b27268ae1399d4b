from __future__ import annotations

from spanmeter_rag.answer import Source, as_context, best


def _source(name: str, score: float) -> Source:
    return Source(id=name, title=f"Title {name}", text=f"Text {name}.", score=score)


def test_the_best_come_first_and_each_passage_once() -> None:
    found = [_source("a", 0.2), _source("b", 0.5), _source("a", 0.2), _source("c", 0.1)]
    assert best(found, count=2) == (_source("b", 0.5), _source("a", 0.2))


def test_a_context_names_the_title_of_every_passage() -> None:
    context = as_context((_source("a", 0.2), _source("b", 0.1)))
    assert context == "[Title a]\n\nText a.\n\n[Title b]\n\nText b."
