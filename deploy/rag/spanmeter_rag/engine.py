"""A LlamaIndex query engine: retrieve, then synthesize."""

from __future__ import annotations

import asyncio

from llama_index.core.base.response.schema import RESPONSE_TYPE, StreamingResponse
from llama_index.core.llms import LLM
from llama_index.core.query_engine import RetrieverQueryEngine

from spanmeter_rag.answer import Answer
from spanmeter_rag.indexes import SectionsRetriever, as_sources
from spanmeter_rag.patience import Patience


class Engine:
    """Answers by a query engine; a failed attempt is repeated from the retrieval on."""

    def __init__(self, retriever: SectionsRetriever, whole: LLM, streaming: LLM, *, patience: Patience) -> None:
        self._whole = RetrieverQueryEngine.from_args(retriever, llm=whole)
        self._streaming = RetrieverQueryEngine.from_args(retriever, llm=streaming, streaming=True)
        self._patience = patience

    def ask(self, question: str) -> Answer:
        """Answer in the calling thread."""
        return _answer(self._patience.call(self._whole.query, question))

    async def ask_async(self, question: str) -> Answer:
        """Answer without blocking the event loop."""
        return _answer(await self._patience.call_async(self._whole.aquery, question))

    async def ask_streaming(self, question: str) -> Answer:
        """Answer from a stream read in a thread, put together."""
        return await asyncio.to_thread(self._patience.call, self._stream, question)

    def _stream(self, question: str) -> Answer:
        response = self._streaming.query(question)
        if not isinstance(response, StreamingResponse):
            return _answer(response)
        return Answer(text="".join(response.response_gen), sources=as_sources(response.source_nodes))


def _answer(response: RESPONSE_TYPE) -> Answer:
    return Answer(text=str(response), sources=as_sources(response.source_nodes))
