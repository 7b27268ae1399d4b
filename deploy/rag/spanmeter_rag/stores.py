"""LangChain's side of retrieval: one vector store for each section, searched in parallel or in turn."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel
from langchain_core.vectorstores import InMemoryVectorStore

from spanmeter_rag.answer import Source, Sources
from spanmeter_rag.corpus import Passage
from spanmeter_rag.effects import note, searching
from spanmeter_rag.patience import Patience
from spanmeter_rag.selection import select
from spanmeter_rag.settings import Retrieval

Search = Runnable[str, Sources]
Found = dict[str, list[Document]]
_Scored = list[tuple[Document, float]]


class SectionRetriever(BaseRetriever):
    """Finds the passages of one section by a question's vector, with their scores in the metadata."""

    store: InMemoryVectorStore
    count: int

    def _get_relevant_documents(  # type: ignore[override]  # LangChain passes on what else a retriever is asked with
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, vector: list[float]
    ) -> list[Document]:
        del query, run_manager
        return self._nearest(vector)

    async def _aget_relevant_documents(  # type: ignore[override]  # as above
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, vector: list[float]
    ) -> list[Document]:
        del query, run_manager
        return await asyncio.to_thread(self._nearest, vector)

    def _nearest(self, vector: list[float]) -> list[Document]:
        with searching():
            return _with_scores(self.store.similarity_search_with_score_by_vector(vector, k=self.count))


def fill_store(
    passages: list[Passage], embeddings: Embeddings, *, patience: Patience, retrieval: Retrieval
) -> InMemoryVectorStore:
    """Embed the passages of one section into a store, many a request."""
    store = InMemoryVectorStore(embeddings)
    patience.call(store.add_documents, [_document(passage) for passage in passages])
    note("embedding_batch", requests=len(passages) - math.ceil(len(passages) / retrieval.embed_batch))
    return store


def search_stores(
    stores: Mapping[str, InMemoryVectorStore], embeddings: Embeddings, *, patience: Patience, retrieval: Retrieval
) -> Search:
    """Return a search that embeds the question once, goes over all sections and keeps the best passages."""
    retrievers = {
        section: SectionRetriever(store=store, count=retrieval.top_k_each) for section, store in stores.items()
    }

    def every(vector: list[float]) -> Runnable[str, Found]:
        asked = {section: retriever.bind(vector=vector) for section, retriever in retrievers.items()}
        return RunnableParallel[str](asked) if retrieval.parallel else one_after_another(asked)

    def search(query: str) -> Runnable[str, Found]:
        return every(patience.call(embeddings.embed_query, query))

    async def search_async(query: str) -> Any:  # noqa: ANN401 - RunnableLambda takes the type from the sync function
        return every(await patience.call_async(embeddings.aembed_query, query))

    found: Runnable[str, Found] = RunnableLambda(search, afunc=search_async, name="sections")
    return (found | RunnableLambda(partial(_merge, retrieval))).with_config(run_name="search")


def one_after_another(runnables: Mapping[str, Runnable[str, list[Document]]]) -> Runnable[str, Found]:
    """Return a runnable that runs others in turn, as `RunnableParallel` does at once."""

    def run(query: str) -> Found:
        return {name: runnable.invoke(query) for name, runnable in runnables.items()}

    async def run_async(query: str) -> Found:
        return {name: await runnable.ainvoke(query) for name, runnable in runnables.items()}

    return RunnableLambda(run, afunc=run_async, name="one after another")


def _document(passage: Passage) -> Document:
    metadata = {"title": passage.title, "section": passage.section}
    return Document(id=passage.id, page_content=f"{passage.title}\n\n{passage.text}", metadata=metadata)


def _with_scores(scored: _Scored) -> list[Document]:
    for document, score in scored:
        document.metadata["score"] = score
    return [document for document, _ in scored]


def _merge(retrieval: Retrieval, found: Found) -> Sources:
    return select((_source(document) for documents in found.values() for document in documents), retrieval)


def _source(document: Document) -> Source:
    title, text = document.page_content.split("\n\n", 1)
    return Source(id=str(document.id), title=title, text=text, score=float(document.metadata["score"]))
