"""An application: models of both frameworks, and what is commonly built of them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import httpx
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from llama_index.core import VectorStoreIndex
from llama_index.core.schema import TextNode
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.embeddings.openai import base as embeddings_package
from llama_index.llms.openai import OpenAI as LlamaIndexOpenAI
from tenacity import stop_after_attempt
from tests.compat.provider import Provider

# The embeddings package for 0.11 asks up to six times whatever `max_retries` says; later ones do as they are told.
for ask in ("get_embedding", "aget_embedding", "get_embeddings", "aget_embeddings"):
    if retrying := getattr(getattr(embeddings_package, ask), "retry", None):
        retrying.stop = stop_after_attempt(1)


class Application:
    """Models of both frameworks, and what is commonly built of them."""

    def __init__(self, provider: Provider, synchronous: httpx.Client, asynchronous: httpx.AsyncClient) -> None:
        self.provider = provider
        url = f"{provider.url}/v1"
        self._langchain: dict[str, Any] = {
            "api_key": "none",
            "base_url": url,
            "max_retries": 0,
            "http_client": synchronous,
            "http_async_client": asynchronous,
        }
        self.chat = self.langchain_model()
        self.other = self.langchain_model(model="gpt-4o-mini")
        self.chain: Any = ChatPromptTemplate.from_messages([("human", "{question}")]) | self.chat
        self.completion = OpenAI(model="gpt-3.5-turbo-instruct", **self._langchain)
        self.embeddings = OpenAIEmbeddings(
            model="text-embedding-3-small", check_embedding_ctx_length=False, **self._langchain
        )
        clients = {"http_client": synchronous, "async_http_client": asynchronous}
        options: dict[str, Any] = {"api_key": "none", "api_base": url, "max_retries": 0, **clients}
        usage = {"stream_options": {"include_usage": True}}
        self.llm = LlamaIndexOpenAI(model="gpt-4o-mini", **options)
        self.streaming_llm = LlamaIndexOpenAI(model="gpt-4o-mini", additional_kwargs=usage, **options)
        self.embedder = OpenAIEmbedding(model="text-embedding-3-small", embed_batch_size=2, **options)
        node = TextNode(text="one", embedding=[0.1, 0.2])
        self.index = VectorStoreIndex(nodes=[node], embed_model=self.embedder)
        self.retriever = self.index.as_retriever()

    def langchain_model(self, **options: Any) -> ChatOpenAI:
        """Build a chat model that differs in the given options."""
        given: dict[str, Any] = {"model": "gpt-4o", "stream_usage": True, **self._langchain, **options}
        return ChatOpenAI(**given)

    def engine(self, *, streaming: bool = False, llm: Any = None) -> Any:
        """Build a query engine."""
        model = llm or (self.streaming_llm if streaming else self.llm)
        return self.index.as_query_engine(llm=model, streaming=streaming)

    async def cancel(self, coroutine: Any) -> None:
        """Cancel what is awaited once its request has reached the provider."""
        self.provider.hold = True
        task = asyncio.ensure_future(coroutine)
        await asyncio.to_thread(self.provider.asked.wait, 5)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self.provider.released.set()
