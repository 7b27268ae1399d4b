from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.runnables import RunnableLambda

from spanmeter_rag.answer import Answer, Source, Sources
from spanmeter_rag.chain import Chain
from spanmeter_rag.clients import Clients
from spanmeter_rag.patience import Patience

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import RunningProvider

FACT = "The else clause of a loop runs when the loop ends without break."
SOURCES = (Source("for-0", "The for statement", FACT, 0.7),)


def _found(_: str) -> Sources:
    return SOURCES


def test_the_answer_rests_on_what_the_search_found(provider: RunningProvider) -> None:
    chain = Chain(
        RunnableLambda(_found), Clients(provider.settings).chat_model("gpt-4o-mini"), name="chain", patience=Patience()
    )
    assert chain.ask("When does the else clause run?") == Answer(FACT, SOURCES)


def test_a_refused_answer_is_repeated_without_a_new_search(refusing_provider: RunningProvider) -> None:
    searched: list[str] = []

    def search(question: str) -> Sources:
        searched.append(question)
        return SOURCES

    chain = Chain(
        RunnableLambda(search),
        Clients(refusing_provider.settings).chat_model("gpt-4o-mini"),
        name="chain",
        patience=Patience(),
    )
    assert chain.ask("When does the else clause run?").text == FACT
    assert (searched, refusing_provider.record.report()["refused"]) == (["When does the else clause run?"], 2)
