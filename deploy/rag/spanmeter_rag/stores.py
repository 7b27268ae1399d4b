"""LangChain's side of retrieval: one vector store for each section, searched in parallel."""

from __future__ import annotations

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel
from langchain_core.vectorstores import InMemoryVectorStore

from spanmeter_rag.answer import Source, Sources, best
from spanmeter_rag.corpus import Passage
from spanmeter_rag.patience import Patient, patiently

Search = Runnable[str, Sources]
_FOUND_IN_EACH = 3
_Scored = list[tuple[Document, float]]


class SectionRetriever(BaseRetriever):
    """Finds the passages of one section, with their scores in the metadata."""

    store: InMemoryVectorStore

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        del run_manager
        return _with_scores(self.store.similarity_search_with_score(query, k=_FOUND_IN_EACH))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        del run_manager
        return _with_scores(await self.store.asimilarity_search_with_score(query, k=_FOUND_IN_EACH))


def fill_store(passages: list[Passage], embeddings: Embeddings) -> InMemoryVectorStore:
    """Embed the passages of one section into a store."""
    store = InMemoryVectorStore(embeddings)
    patiently(store.add_documents, [_document(passage) for passage in passages])
    return store


def search_stores(stores: dict[str, InMemoryVectorStore]) -> Search:
    """Return a search over all sections at once that keeps the best passages."""
    retrievers = {section: Patient(SectionRetriever(store=store)) for section, store in stores.items()}
    return (RunnableParallel[str](retrievers) | RunnableLambda(_merge)).with_config(run_name="search")


def _document(passage: Passage) -> Document:
    metadata = {"title": passage.title, "section": passage.section}
    return Document(id=passage.id, page_content=f"{passage.title}\n\n{passage.text}", metadata=metadata)


def _with_scores(scored: _Scored) -> list[Document]:
    for document, score in scored:
        document.metadata["score"] = score
    return [document for document, _ in scored]


def _merge(found: dict[str, list[Document]]) -> Sources:
    return best(_source(document) for documents in found.values() for document in documents)


def _source(document: Document) -> Source:
    title, text = document.page_content.split("\n\n", 1)
    return Source(id=str(document.id), title=title, text=text, score=float(document.metadata["score"]))
