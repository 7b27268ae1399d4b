from __future__ import annotations

from typing import TYPE_CHECKING

from spanmeter_rag.clients import chat_embeddings
from spanmeter_rag.corpus import Passage
from spanmeter_rag.stores import fill_store, search_stores

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import RunningProvider

LOOPS = [Passage("for-0", "statements", "for", "The for statement", "The else clause runs when a loop ends.")]
SETS = [Passage("set-0", "expressions", "set", "Set displays", "A set display yields a new mutable set.")]


def test_sections_are_searched_together_and_the_best_passage_comes_first(provider: RunningProvider) -> None:
    embeddings = chat_embeddings(provider.settings)
    search = search_stores({"statements": fill_store(LOOPS, embeddings), "expressions": fill_store(SETS, embeddings)})
    sources = search.invoke("What does a set display yield?")
    assert [(source.id, source.title, source.text) for source in sources] == [
        ("set-0", "Set displays", "A set display yields a new mutable set."),
        ("for-0", "The for statement", "The else clause runs when a loop ends."),
    ]
    assert sources[0].score > 0.5 > sources[1].score


def test_a_section_is_embedded_in_one_request_and_each_section_is_asked_once(provider: RunningProvider) -> None:
    embeddings = chat_embeddings(provider.settings)
    search_stores({"statements": fill_store(LOOPS * 2, embeddings)}).invoke("loop")
    assert provider.record.report()["total"]["calls"] == 2


def test_a_refused_search_is_repeated(refusing_provider: RunningProvider) -> None:
    embeddings = chat_embeddings(refusing_provider.settings)
    search = search_stores({"statements": fill_store(LOOPS, embeddings)})
    assert [source.id for source in search.invoke("loop")] == ["for-0"]
    assert refusing_provider.record.report()["refused"] == 4
