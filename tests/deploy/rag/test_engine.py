from __future__ import annotations

from typing import TYPE_CHECKING

from spanmeter_rag.clients import index_embeddings, index_model
from spanmeter_rag.corpus import Passage
from spanmeter_rag.engine import Engine
from spanmeter_rag.indexes import SectionsRetriever, fill_index

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import Finish, RunningProvider

FACT = "The else clause of a loop runs when the loop ends without break."
LOOPS = [Passage("for-0", "statements", "for", "The for statement", FACT)]


def _engine(provider: RunningProvider) -> Engine:
    settings = provider.settings
    whole, streaming = (index_model(settings, "gpt-4.1-mini", streaming=streaming) for streaming in (False, True))
    return Engine(SectionsRetriever([fill_index(LOOPS, index_embeddings(settings))]), whole, streaming)


def test_the_answer_rests_on_what_was_retrieved(provider: RunningProvider) -> None:
    answer = _engine(provider).ask("When does the else clause run?")
    assert (answer.text, [source.id for source in answer.sources]) == (FACT, ["for-0"])


def test_a_stream_gives_the_same_and_its_usage_is_reported(provider: RunningProvider, finish: Finish) -> None:
    answer = finish(_engine(provider).ask_streaming("When does the else clause run?"))
    assert (answer.text, [source.id for source in answer.sources]) == (FACT, ["for-0"])
    assert [entry["stream"] for entry in provider.record.report()["requests"]] == [False, False, True]


def test_a_refused_answer_is_repeated(refusing_provider: RunningProvider) -> None:
    assert _engine(refusing_provider).ask("When does the else clause run?").text == FACT
