"""LangChain's rerankers are counted once, though they emit no callbacks; compressors that are none are not."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_classic.retrievers.document_compressors import (
    CrossEncoderReranker,
    DocumentCompressorPipeline,
    EmbeddingsFilter,
    LLMChainExtractor,
    LLMListwiseRerank,
)
from langchain_classic.retrievers.document_compressors.cross_encoder import BaseCrossEncoder
from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_openai import OpenAIEmbeddings
from pydantic import SecretStr

import spanmeter
from spanmeter import semconv
from spanmeter.langchain import rerank as door

FOUND = [Document(page_content="four"), Document(page_content="seventeen"), Document(page_content="six")]
ARRAY: Any = np.array(FOUND, dtype=object)
NAME = "rerank rerank-v3.5"
OPENED = {"spanmeter.operation": "rerank", "spanmeter.framework": "langchain"}


class CohereRerank(BaseDocumentCompressor):
    """A reranker as integration packages ship them: the longest first."""

    model: str = "rerank-v3.5"
    base_url: str = "http://127.0.0.1:9"
    top_n: int = 2

    def rerank(self, documents: Sequence[Document], query: str, *, model: str | None = None) -> list[dict[str, int]]:
        assert query, model
        ordered = sorted(range(len(documents)), key=lambda place: -len(documents[place].page_content))
        return [{"index": place} for place in ordered[: self.top_n]]

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks = None
    ) -> Sequence[Document]:
        assert query, callbacks
        return [documents[found["index"]] for found in self.rerank(documents, query)]


class LaterReranker(CohereRerank):
    """One that awaits its provider itself, for as long as nobody lets it go on."""

    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks = None
    ) -> Sequence[Document]:
        await asyncio.sleep(0 if query != "for ever" else 3600)
        return self.compress_documents(documents, query, callbacks)


class Shelf(BaseRetriever):
    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return FOUND if query else []


class Encoder(BaseCrossEncoder):
    model_name = "bge-reranker-base"

    def score(self, text_pairs: list[tuple[str, str]]) -> list[float]:
        return [float(len(text)) for _, text in text_pairs]


async def _compressed(way: str, reranker: Any, query: str = "which") -> Any:
    if way == "sync":
        return reranker.compress_documents(FOUND, query)
    return await reranker.acompress_documents(FOUND, query)


class LazyReranker(CohereRerank):
    """One that hands its documents out one by one, and takes them so."""

    def compress_documents(self, documents: Any, query: str, callbacks: Callbacks = None) -> Any:
        assert query, callbacks
        return (document for document in documents)


@pytest.mark.usefixtures("instrumented")
def test_documents_that_are_handed_out_one_by_one_all_reach_the_application() -> None:
    assert list(LazyReranker().compress_documents(iter(FOUND), "which")) == FOUND


@pytest.mark.parametrize("kind", [CohereRerank, LaterReranker], ids=["in a thread", "of its own"])
@pytest.mark.parametrize("way", ["sync", "async"])
async def test_a_rerank_is_one_call(way: str, kind: type[CohereRerank], instrumented: Any) -> None:
    with spanmeter.measure() as bill:
        found = await _compressed(way, kind())

    assert found == [FOUND[1], FOUND[0]]
    assert (bill.calls, bill.unpriced_calls, bill.failed_calls) == (1, 1, 0)
    (span,) = instrumented.finished
    assert (span.name, dict(span.attributes)) == (
        NAME,
        OPENED
        | {
            "gen_ai.provider.name": "cohere",
            "gen_ai.request.model": "rerank-v3.5",
            "server.address": "127.0.0.1",
            "server.port": 9,
            "spanmeter.retrieval.document_count": 2,
            "spanmeter.retrieval.document_bytes": "9 4",
        },
    )


def test_scores_without_documents_are_one_call_of_the_model_named(instrumented: Any) -> None:
    scores = CohereRerank().rerank(documents=FOUND, query="which", model="rerank-v4.0-pro")

    assert scores == [{"index": 1}, {"index": 0}]
    (span,) = instrumented.finished
    assert (span.name, span.attributes.get(semconv.DOCUMENT_COUNT)) == ("rerank rerank-v4.0-pro", None)


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_retrievers_and_pipelines_around_it_count_nothing(way: str, instrumented: Any) -> None:
    pipeline = DocumentCompressorPipeline(transformers=[CohereRerank()])
    retriever = ContextualCompressionRetriever(base_compressor=pipeline, base_retriever=Shelf())
    with spanmeter.measure() as bill:
        found = retriever.invoke("which") if way == "sync" else await retriever.ainvoke("which")

    assert (bill.calls, len(found)) == (1, 2)
    outer = "retrieval ContextualCompressionRetriever"
    assert instrumented.path_of(NAME) == [NAME, outer]
    assert sorted(span.name for span in instrumented.finished) == [NAME, outer, "retrieval Shelf"]


async def test_a_rerank_is_below_the_run_that_asks_for_it(instrumented: Any) -> None:
    async def look_up(query: str) -> Any:
        return await CohereRerank().acompress_documents(FOUND, query)

    await RunnableLambda(look_up, name="look up").ainvoke("which")

    assert instrumented.path_of(NAME) == [NAME, "chain look up"]


def test_a_reranker_around_another_one_is_a_wrapper(instrumented: Any) -> None:
    class Reranked(BaseDocumentCompressor):
        def compress_documents(
            self, documents: Sequence[Document], query: str, callbacks: Callbacks = None
        ) -> Sequence[Document]:
            return CohereRerank().compress_documents(documents, query, callbacks)

    Reranked().compress_documents(FOUND, "which")

    assert instrumented.path_of(NAME) == [NAME, "rerank Reranked"]
    assert [span.name for span in instrumented.calls()] == [NAME]


def test_a_model_of_this_machine_is_one_call_without_a_price(instrumented: Any) -> None:
    CrossEncoderReranker(model=Encoder(), top_n=1).compress_documents(FOUND, "which")

    (span,) = instrumented.finished
    assert dict(span.attributes) == OPENED | {
        "gen_ai.request.model": "bge-reranker-base",
        "spanmeter.retrieval.document_count": 1,
        "spanmeter.retrieval.document_bytes": "9",
    }


def test_a_reranker_that_asks_a_chat_model_is_counted_as_that(instrumented: Any) -> None:
    asking = RunnableLambda(lambda asked: asked["query"]) | FakeListChatModel(responses=["the last one"])
    reranker = LLMListwiseRerank(reranker=asking | RunnableLambda(lambda _: FOUND[2:]))
    with spanmeter.measure() as bill:
        assert reranker.compress_documents(FOUND, "which") == FOUND[2:]

    assert bill.calls == 1
    assert [span.attributes[semconv.OPERATION_NAME] for span in instrumented.calls()] == ["chat"]


def test_compressors_that_order_nothing_are_no_calls_of_their_own(provider: Any, instrumented: Any) -> None:
    embeddings = OpenAIEmbeddings(
        model="text-embedding-3-small",
        base_url=f"{provider.url}/v1",
        api_key=SecretStr("none"),
        check_embedding_ctx_length=False,
    )
    EmbeddingsFilter(embeddings=embeddings, k=1).compress_documents(FOUND, "which")
    LLMChainExtractor.from_llm(FakeListChatModel(responses=["four"])).compress_documents(FOUND[:1], "which")

    operations = [span.attributes[semconv.OPERATION_NAME] for span in instrumented.calls()]
    assert operations == ["embeddings", "embeddings", "chat"]


@pytest.mark.parametrize("nothing", [[], np.array([])], ids=["list", "array"])
def test_nobody_is_asked_to_order_nothing(nothing: Any, instrumented: Any) -> None:
    with spanmeter.measure() as bill:
        assert CohereRerank().compress_documents(nothing, "which") == []

    assert (bill.calls, instrumented.finished) == (0, ())


@pytest.mark.usefixtures("instrumented")
def test_documents_of_an_array_are_counted_and_held() -> None:
    with spanmeter.measure() as bill:
        assert len(CohereRerank().compress_documents(ARRAY, "which")) == 2
    assert bill.calls == 1

    budget = spanmeter.Budget("day", limit_usd="0.000001")
    with contextlib.closing(budget), pytest.raises(spanmeter.BudgetExceeded):
        CohereRerank().compress_documents(ARRAY, "which")


def test_an_iterator_reaches_the_reranker_unread(instrumented: Any) -> None:
    class LazyReranker(BaseDocumentCompressor):
        def compress_documents(self, documents: Any, query: str, callbacks: Callbacks = None) -> Sequence[Document]:
            assert query, callbacks
            return list(documents)

    spanmeter.Budget("day", limit_usd="1").close()
    assert LazyReranker().compress_documents(iter(FOUND), "which") == FOUND
    assert instrumented.one("rerank LazyReranker").attributes[semconv.DOCUMENT_COUNT] == 3


class BrokenReranker(BaseDocumentCompressor):
    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks = None
    ) -> Sequence[Document]:
        raise ZeroDivisionError(query, documents, callbacks)


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_a_failing_reranker_fails_as_it_would_and_counts_no_call(way: str, instrumented: Any) -> None:
    with spanmeter.measure() as bill, pytest.raises(ZeroDivisionError, match="why"):
        await _compressed(way, BrokenReranker(), "why")

    assert (bill.calls, bill.failed_calls) == (0, 1)
    assert instrumented.one("rerank BrokenReranker").attributes[semconv.ERROR_TYPE] == "ZeroDivisionError"


async def test_a_cancelled_rerank_is_no_call(instrumented: Any) -> None:
    with spanmeter.measure() as bill:
        task = asyncio.create_task(LaterReranker().acompress_documents(FOUND, "for ever"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert (bill.calls, bill.failed_calls) == (0, 0)
    assert instrumented.one(NAME).attributes[semconv.OUTCOME] == "cancelled"


def test_threads_count_each_of_theirs(instrumented: Any) -> None:
    reranker = CohereRerank()
    threads = [threading.Thread(target=reranker.compress_documents, args=(FOUND, "which")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(instrumented.calls()) == 8


def test_the_classes_are_as_they_were_once_nothing_is_instrumented(provider: Any) -> None:
    own = dict(vars(CohereRerank))
    spanmeter.instrument(endpoint=provider.url)
    assert vars(CohereRerank)["rerank"] is not own["rerank"]
    spanmeter.uninstrument()

    assert dict(vars(CohereRerank)) == own
    assert "__init_subclass__" not in vars(BaseDocumentCompressor)


@pytest.mark.parametrize(
    ("name", "base", "known"),
    [
        pytest.param("JinaRerank", "langchain_community.document_compressors.jina_rerank", "jina", id="of many"),
        pytest.param("BedrockRerank", "langchain_aws.document_compressors.rerank", "aws.bedrock", id="of one"),
        pytest.param("ShopReranker", "shop", "", id="of the application"),
    ],
)
def test_the_provider_is_known_by_the_class(name: str, base: str, known: str) -> None:
    kind = type(name, (CrossEncoderReranker,), {"__module__": base})
    opening = door._opening(kind(model=Encoder()), (FOUND, "which"), {})

    assert opening is not None
    assert (opening.provider, opening.model) == (known, "bge-reranker-base")
