from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanmeter_rag.clients import Clients
from spanmeter_rag.corpus import Passage
from spanmeter_rag.engine import Engine
from spanmeter_rag.indexes import SectionsRetriever, fill_index
from spanmeter_rag.patience import Patience
from spanmeter_rag.settings import Retrieval

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import Finish, RunningProvider

FACT = "The else clause of a loop runs when the loop ends without break."
HOW: dict[str, Any] = {"patience": Patience(), "retrieval": Retrieval()}
LOOPS = [Passage("for-0", "statements", "for", "The for statement", FACT)]


def _engine(provider: RunningProvider) -> Engine:
    settings = provider.settings
    whole, streaming = (
        Clients(settings).index_model("gpt-4.1-mini", streaming=streaming) for streaming in (False, True)
    )
    embeddings = Clients(settings).index_embeddings()
    retriever = SectionsRetriever([fill_index(LOOPS, embeddings, **HOW)], embeddings, **HOW)
    return Engine(retriever, whole, streaming, patience=Patience())


def test_the_answer_rests_on_what_was_retrieved(provider: RunningProvider) -> None:
    answer = _engine(provider).ask("When does the else clause run?")
    assert (answer.text, [source.id for source in answer.sources]) == (FACT, ["for-0"])


def test_a_stream_gives_the_same_and_its_usage_is_reported(provider: RunningProvider, finish: Finish) -> None:
    answer = finish(_engine(provider).ask_streaming("When does the else clause run?"))
    assert (answer.text, [source.id for source in answer.sources]) == (FACT, ["for-0"])
    assert [entry["stream"] for entry in provider.record.report()["requests"]] == [False, False, True]


def test_a_refused_answer_is_repeated(refusing_provider: RunningProvider) -> None:
    assert _engine(refusing_provider).ask("When does the else clause run?").text == FACT
