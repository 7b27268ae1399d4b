from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from spanmeter_rag.answer import Sources
from spanmeter_rag.clients import Clients
from spanmeter_rag.corpus import Passage
from spanmeter_rag.patience import Patience
from spanmeter_rag.settings import Retrieval
from spanmeter_rag.stores import fill_store, search_stores

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import Finish, RunningProvider

HOW: dict[str, Any] = {"patience": Patience(), "retrieval": Retrieval()}
LOOPS = [Passage("for-0", "statements", "for", "The for statement", "The else clause runs when a loop ends.")]
SETS = [Passage("set-0", "expressions", "set", "Set displays", "A set display yields a new mutable set.")]


def test_sections_are_searched_together_and_the_best_passage_comes_first(provider: RunningProvider) -> None:
    embeddings = Clients(provider.settings).chat_embeddings()
    stores = {"statements": fill_store(LOOPS, embeddings, **HOW), "expressions": fill_store(SETS, embeddings, **HOW)}
    search = search_stores(stores, embeddings, **HOW)
    sources = search.invoke("What does a set display yield?")
    assert [(source.id, source.title, source.text) for source in sources] == [
        ("set-0", "Set displays", "A set display yields a new mutable set."),
        ("for-0", "The for statement", "The else clause runs when a loop ends."),
    ]
    assert sources[0].score > 0.5 > sources[1].score


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_section_is_embedded_in_one_request_and_so_is_a_question(
    provider: RunningProvider, finish: Finish, way: str, *, parallel: bool
) -> None:
    how = HOW | {"retrieval": Retrieval(parallel=parallel)}
    clients = Clients(provider.settings)
    embeddings = clients.chat_embeddings()
    stores = {name: fill_store(passages, embeddings, **how) for name, passages in (("s", LOOPS * 2), ("e", SETS))}
    search = search_stores(stores, embeddings, **how)

    async def found() -> Sources:
        sources = await search.ainvoke("loop")
        await clients.close()
        return sources

    assert len(search.invoke("loop") if way == "sync" else finish(found())) == 2
    assert provider.record.report()["total"]["calls"] == 3


def test_a_refused_search_is_repeated(refusing_provider: RunningProvider) -> None:
    embeddings = Clients(refusing_provider.settings).chat_embeddings()
    search = search_stores({"statements": fill_store(LOOPS, embeddings, **HOW)}, embeddings, **HOW)
    assert [source.id for source in search.invoke("loop")] == ["for-0"]
    assert refusing_provider.record.report()["refused"] == 4
