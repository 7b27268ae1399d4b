"""LlamaIndex's side of retrieval: one vector index for each section, searched in parallel."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from llama_index.core import QueryBundle, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode

from spanmeter_rag.answer import Source, Sources, best
from spanmeter_rag.corpus import Passage
from spanmeter_rag.patience import patiently, patiently_async

_FOUND_IN_EACH = 3
_KEPT = 4


class SectionsRetriever(BaseRetriever):
    """Searches every section at once, each in its own thread or task, and keeps the best passages."""

    def __init__(self, indexes: Sequence[VectorStoreIndex]) -> None:
        self._retrievers = [index.as_retriever(similarity_top_k=_FOUND_IN_EACH) for index in indexes]
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        def search(retriever: BaseRetriever) -> list[NodeWithScore]:
            return patiently(retriever.retrieve, query_bundle.query_str)

        with ThreadPoolExecutor(max_workers=len(self._retrievers)) as pool:
            searches = [pool.submit(copy_context().run, search, retriever) for retriever in self._retrievers]
        return _best_nodes([node for search in searches for node in search.result()])

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        question = query_bundle.query_str
        found = await asyncio.gather(*(patiently_async(each.aretrieve, question) for each in self._retrievers))
        return _best_nodes([node for nodes in found for node in nodes])


def fill_index(passages: list[Passage], embeddings: BaseEmbedding) -> VectorStoreIndex:
    """Embed the passages of one section into an index."""
    nodes = [_node(passage) for passage in passages]
    return patiently(VectorStoreIndex, nodes, embed_model=embeddings)


def as_sources(nodes: Sequence[NodeWithScore]) -> Sources:
    """Return the nodes as sources, the best first."""
    return best(
        Source(
            id=found.node.node_id,
            title=str(found.node.metadata["title"]),
            text=found.node.get_content(metadata_mode=MetadataMode.NONE),
            score=found.score or 0.0,
        )
        for found in nodes
    )


def _node(passage: Passage) -> TextNode:
    return TextNode(
        id_=passage.id,
        text=passage.text,
        metadata={"title": passage.title, "section": passage.section},
        excluded_embed_metadata_keys=["section"],
        excluded_llm_metadata_keys=["section"],
    )


def _best_nodes(nodes: Sequence[NodeWithScore]) -> list[NodeWithScore]:
    return sorted(nodes, key=lambda found: (-(found.score or 0.0), found.node.node_id))[:_KEPT]
