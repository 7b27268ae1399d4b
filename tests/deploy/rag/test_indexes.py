from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanmeter_rag.clients import Clients
from spanmeter_rag.corpus import Passage
from spanmeter_rag.indexes import SectionsRetriever, as_sources, fill_index
from spanmeter_rag.patience import Patience
from spanmeter_rag.settings import Retrieval

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import RunningProvider

HOW: dict[str, Any] = {"patience": Patience(), "retrieval": Retrieval()}
LOOPS = [Passage("for-0", "statements", "for", "The for statement", "The else clause runs when a loop ends.")]
SETS = [Passage("set-0", "expressions", "set", "Set displays", "A set display yields a new mutable set.")]


def _retriever(provider: RunningProvider) -> SectionsRetriever:
    embeddings = Clients(provider.settings).index_embeddings()
    return SectionsRetriever([fill_index(LOOPS, embeddings, **HOW), fill_index(SETS, embeddings, **HOW)], **HOW)


def test_sections_are_searched_together_and_the_best_passage_comes_first(provider: RunningProvider) -> None:
    sources = as_sources(_retriever(provider).retrieve("What does a set display yield?"))
    assert [(source.id, source.title, source.text) for source in sources] == [
        ("set-0", "Set displays", "A set display yields a new mutable set."),
        ("for-0", "The for statement", "The else clause runs when a loop ends."),
    ]
    assert sources[0].score > 0.5 > sources[1].score


def test_every_section_asks_for_the_question_s_embedding(provider: RunningProvider) -> None:
    _retriever(provider).retrieve("loop")
    assert provider.record.report()["total"]["calls"] == 4


def test_a_refused_search_is_repeated(refusing_provider: RunningProvider) -> None:
    nodes = _retriever(refusing_provider).retrieve("loop")
    assert [node.node.node_id for node in nodes] == ["for-0", "set-0"]
    assert refusing_provider.record.report()["total"]["calls"] == 4
