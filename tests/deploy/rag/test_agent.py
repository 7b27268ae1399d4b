from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.runnables import RunnableLambda

from spanmeter_rag.agent import Agent
from spanmeter_rag.answer import Source, Sources
from spanmeter_rag.clients import Clients
from spanmeter_rag.patience import Patience

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import Finish, RunningProvider

FACT = "The else clause of a loop runs when the loop ends without break."


class Shelf:
    def __init__(self, *scores: float) -> None:
        self.scores = list(scores)
        self.asked: list[str] = []

    def find(self, query: str) -> Sources:
        self.asked.append(query)
        return (Source("for-0", "The for statement", FACT, self.scores.pop(0)),)


def _agent(provider: RunningProvider, shelf: Shelf) -> Agent:
    return Agent(RunnableLambda(shelf.find), Clients(provider.settings).chat_model("gpt-5-mini"), patience=Patience())


def test_it_searches_by_its_tool_and_answers_from_what_was_found(provider: RunningProvider) -> None:
    shelf = Shelf(0.7)
    answer = _agent(provider, shelf).ask("When does the else clause of a loop run?")
    assert (answer.text, [source.id for source in answer.sources]) == (FACT, ["for-0"])
    assert shelf.asked == ['"else" clause loop run']
    assert provider.record.report()["total"]["calls"] == 2


def test_it_searches_once_more_in_other_words_when_little_was_found(provider: RunningProvider) -> None:
    shelf = Shelf(0.1, 0.1)
    _agent(provider, shelf).ask("When does the else clause of a loop run?")
    assert len(shelf.asked) == 2
    assert provider.record.report()["total"]["calls"] == 4


def test_its_instructions_are_cached_from_the_second_call_on(provider: RunningProvider) -> None:
    _agent(provider, Shelf(0.7)).ask("When does the else clause of a loop run?")
    cached = [
        entry["usage"]["prompt_tokens_details"]["cached_tokens"] for entry in provider.record.report()["requests"]
    ]
    assert cached == [0, 1408]


def test_a_refused_model_is_asked_again(refusing_provider: RunningProvider) -> None:
    answer = _agent(refusing_provider, Shelf(0.7)).ask("When does the else clause of a loop run?")
    assert (answer.text, refusing_provider.record.report()["refused"]) == (FACT, 4)


def test_a_stream_gives_the_same(provider: RunningProvider, finish: Finish) -> None:
    answer = finish(_agent(provider, Shelf(0.7)).ask_streaming("When does the else clause of a loop run?"))
    assert answer.text == FACT
    assert [entry["stream"] for entry in provider.record.report()["requests"]] == [True, True]
