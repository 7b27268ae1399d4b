from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spanmeter_rag.answer import Answer, Source
from spanmeter_rag.caches import Caches
from spanmeter_rag.clients import Clients
from spanmeter_rag.corpus import Passage
from spanmeter_rag.indexes import fill_index
from spanmeter_rag.ladder import Ladder, Route
from spanmeter_rag.patience import Patience
from spanmeter_rag.settings import CACHES, Caching, Retrieval
from spanmeter_rag.stores import fill_store

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import Finish, RunningProvider

ANSWER = Answer("At its end.", (Source("for-0", "The for statement", "The else clause runs at the end.", 0.7),))
SHELF = [Passage("for-0", "statements", "for", "The for statement", "The else clause runs when a loop ends.")]
HOW: dict[str, Any] = {"patience": Patience(), "retrieval": Retrieval()}


class Counted:
    def __init__(self) -> None:
        self.asked = 0

    def ask(self, question: str) -> Answer:
        del question
        self.asked += 1
        return ANSWER

    async def ask_async(self, question: str) -> Answer:
        return self.ask(question)

    ask_streaming = ask_async


def _clients(provider: RunningProvider, directory: Path) -> Clients:
    return Clients(provider.settings, Caches(Caching(CACHES, directory=str(directory))))


def test_every_cache_is_off_by_default() -> None:
    caches = Caches(Caching())
    assert (caches.answers, caches.models, caches.vectors) == (None, None, None)


def test_an_answered_question_is_answered_again_from_the_cache_in_every_mode(finish: Finish) -> None:
    answers = Caches(Caching(("answers",))).answers
    way = Counted()
    ladder = Ladder([Route(way, "gpt-4o", "mixed")], None, sources=4, answers=answers)

    async def ask() -> list[Answer]:
        return [(await ladder.answer("When?", mode)).answer for mode in ("sync", "async", "stream")]

    assert finish(ask()) == [ANSWER] * 3
    assert way.asked == 1


def test_ways_and_models_have_answers_of_their_own(finish: Finish) -> None:
    answers = Caches(Caching(("answers",))).answers
    ways = [Counted(), Counted(), Counted()]
    routes = [
        Route(ways[0], "gpt-4o", "mixed"),
        Route(ways[1], "gpt-4o", "chain"),
        Route(ways[2], "gpt-5-mini", "chain"),
    ]
    for route in routes:
        finish(Ladder([route], None, sources=4, answers=answers).answer("When?", "async"))
    assert [way.asked for way in ways] == [1, 1, 1]


@pytest.mark.parametrize("again", ["the same process", "another one"])
def test_models_and_vectors_are_asked_once(provider: RunningProvider, tmp_path: Path, again: str) -> None:
    clients = _clients(provider, tmp_path)
    for _ in range(2):
        if again == "another one":
            clients = _clients(provider, tmp_path)
        assert clients.chat_model("gpt-4o").invoke("Why?").content
        assert fill_store(SHELF, clients.chat_embeddings(), **HOW).similarity_search("loop")
        assert fill_index(SHELF, clients.index_embeddings(), **HOW).as_retriever().retrieve("loop")
    kinds = [entry["kind"] for entry in provider.record.report()["requests"]]
    assert sorted(kinds) == ["chat", "embeddings", "embeddings", "embeddings", "embeddings"]
