from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.schema import NodeWithScore

from spanmeter_rag.clients import Clients
from spanmeter_rag.corpus import Passage
from spanmeter_rag.indexes import SectionsRetriever, as_sources, fill_index
from spanmeter_rag.patience import Patience
from spanmeter_rag.settings import Retrieval

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import Finish, RunningProvider

HOW: dict[str, Any] = {"patience": Patience(), "retrieval": Retrieval()}
LOOPS = [Passage("for-0", "statements", "for", "The for statement", "The else clause runs when a loop ends.")]
SETS = [Passage("set-0", "expressions", "set", "Set displays", "A set display yields a new mutable set.")]


def _retriever(clients: Clients) -> SectionsRetriever:
    embeddings = clients.index_embeddings()
    indexes = [fill_index(passages, embeddings, **HOW) for passages in (LOOPS, SETS)]
    return SectionsRetriever(indexes, embeddings, **HOW)


def test_sections_are_searched_together_and_the_best_passage_comes_first(provider: RunningProvider) -> None:
    sources = as_sources(_retriever(Clients(provider.settings)).retrieve("What does a set display yield?"))
    assert [(source.id, source.title, source.text) for source in sources] == [
        ("set-0", "Set displays", "A set display yields a new mutable set."),
        ("for-0", "The for statement", "The else clause runs when a loop ends."),
    ]
    assert sources[0].score > 0.5 > sources[1].score


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_question_is_embedded_once_for_all_sections(provider: RunningProvider, finish: Finish, way: str) -> None:
    clients = Clients(provider.settings)
    retriever = _retriever(clients)

    async def found() -> Sequence[NodeWithScore]:
        nodes = await retriever.aretrieve("loop")
        await clients.close()
        return nodes

    assert len(retriever.retrieve("loop") if way == "sync" else finish(found())) == 2
    assert provider.record.report()["total"]["calls"] == 3


def test_a_refused_search_is_repeated(refusing_provider: RunningProvider) -> None:
    nodes = _retriever(Clients(refusing_provider.settings)).retrieve("loop")
    assert [node.node.node_id for node in nodes] == ["for-0", "set-0"]
    assert refusing_provider.record.report()["total"]["calls"] == 3
