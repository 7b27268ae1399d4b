"""LlamaIndex's side of retrieval: one vector index for each section, searched in parallel or in turn."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from llama_index.core import QueryBundle, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode

from spanmeter_rag.answer import Source, Sources
from spanmeter_rag.corpus import Passage
from spanmeter_rag.effects import note, searching
from spanmeter_rag.patience import Patience
from spanmeter_rag.selection import select
from spanmeter_rag.settings import Retrieval


class SectionsRetriever(BaseRetriever):
    """Embeds a question once, searches the sections, beside each other or in turn, and keeps the best passages."""

    def __init__(
        self,
        indexes: Sequence[VectorStoreIndex],
        embeddings: BaseEmbedding,
        *,
        patience: Patience,
        retrieval: Retrieval,
    ) -> None:
        self._retrievers = [index.as_retriever(similarity_top_k=retrieval.top_k_each) for index in indexes]
        self._embeddings = embeddings
        self._patience = patience
        self._retrieval = retrieval
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        question = query_bundle.query_str
        asked = QueryBundle(question, embedding=self._patience.call(self._embeddings.get_query_embedding, question))

        def search(retriever: BaseRetriever) -> list[NodeWithScore]:
            with searching():
                return retriever.retrieve(asked)

        with ThreadPoolExecutor(len(self._retrievers) if self._retrieval.parallel else 1) as pool:
            searches = [pool.submit(copy_context().run, search, retriever) for retriever in self._retrievers]
        return self._best([node for search in searches for node in search.result()])

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        question = query_bundle.query_str
        vector = await self._patience.call_async(self._embeddings.aget_query_embedding, question)
        asked = QueryBundle(question, embedding=vector)

        async def search(retriever: BaseRetriever) -> list[NodeWithScore]:
            with searching():
                return await retriever.aretrieve(asked)

        if self._retrieval.parallel:
            found = await asyncio.gather(*map(search, self._retrievers))
        else:
            found = [await search(retriever) for retriever in self._retrievers]
        return self._best([node for nodes in found for node in nodes])

    def _best(self, nodes: Sequence[NodeWithScore]) -> list[NodeWithScore]:
        return [_cut_node(source) for source in select(map(_as_source, nodes), self._retrieval)]


def fill_index(
    passages: list[Passage], embeddings: BaseEmbedding, *, patience: Patience, retrieval: Retrieval
) -> VectorStoreIndex:
    """Embed the passages of one section into an index, many a request."""
    nodes = [_node(passage.id, passage.title, passage.text) for passage in passages]
    index = patience.call(VectorStoreIndex, nodes, embed_model=embeddings)
    note("embedding_batch", requests=len(passages) - math.ceil(len(passages) / retrieval.embed_batch))
    return index


def as_sources(nodes: Sequence[NodeWithScore]) -> Sources:
    """Return the nodes as sources, in their order."""
    return tuple(map(_as_source, nodes))


def _as_source(found: NodeWithScore) -> Source:
    return Source(
        id=found.node.node_id,
        title=str(found.node.metadata["title"]),
        text=found.node.get_content(metadata_mode=MetadataMode.NONE),
        score=found.score or 0.0,
    )


def _cut_node(source: Source) -> NodeWithScore:
    return NodeWithScore(node=_node(source.id, source.title, source.text), score=source.score)


def _node(passage_id: str, title: str, text: str) -> TextNode:
    return TextNode(id_=passage_id, text=text, metadata={"title": title})
