"""The real client packages, pointed at the provider; their own retries are off (see `patience`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_core.embeddings import Embeddings
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI
from pydantic import SecretStr

from spanmeter.cache import Cache
from spanmeter.cache.langchain import EmbeddingStore, LLMCache
from spanmeter.cache.llama_index import CacheStore
from spanmeter_rag.breaker import Breaker
from spanmeter_rag.caches import Caches
from spanmeter_rag.guarded import GuardedAsyncClient, GuardedClient
from spanmeter_rag.settings import Caching, Settings


@dataclass(frozen=True, slots=True)
class Clients:
    """Makes clients; those of one model share connections and a breaker, whatever their framework."""

    settings: Settings
    caches: Caches = field(default_factory=lambda: Caches(Caching()))
    breakers: dict[str, Breaker] = field(default_factory=dict)
    _connections: dict[str, tuple[GuardedClient, GuardedAsyncClient]] = field(default_factory=dict)

    def chat_model(self, model: str) -> ChatOpenAI:
        """Return a LangChain chat model; usage is asked for in streams, which custom addresses need said."""
        cache = None if self.caches.models is None else LLMCache(self.caches.models)
        return ChatOpenAI(
            model=model,
            stream_usage=True,
            cache=cache,
            max_completion_tokens=self.settings.spending.answer_tokens,
            **self._langchain(model),
        )

    def chat_embeddings(self) -> Embeddings:
        """Return LangChain embeddings; texts go out as they are, so that no tokenizer is downloaded to measure them."""
        model = self.settings.models.embedding
        asked = OpenAIEmbeddings(
            model=model,
            chunk_size=self.settings.retrieval.embed_batch,
            check_embedding_ctx_length=False,
            **self._langchain(model),
        )
        return asked if self.caches.vectors is None else _cached(asked, self.caches.vectors)

    def index_model(self, model: str, *, streaming: bool) -> OpenAI:
        """Return a LlamaIndex model; only one that streams may ask for usage in the stream."""
        usage = {"stream_options": {"include_usage": True}} if streaming else {}
        return OpenAI(
            model=model,
            max_tokens=self.settings.spending.answer_tokens,
            additional_kwargs=usage,
            **self._llama_index(model),
        )

    def index_embeddings(self) -> OpenAIEmbedding:
        """Return LlamaIndex embeddings."""
        model = self.settings.models.embedding
        vectors = self.caches.vectors
        return OpenAIEmbedding(
            model=model,
            embed_batch_size=self.settings.retrieval.embed_batch,
            embeddings_cache=None if vectors is None else CacheStore(vectors, namespace=model),
            **self._llama_index(model),
        )

    async def close(self) -> None:
        """Close all connections; afterwards no client can ask."""
        for connection, async_connection in self._connections.values():
            connection.close()
            await async_connection.aclose()

    def _connected(self, model: str) -> tuple[GuardedClient, GuardedAsyncClient]:
        if model not in self._connections:
            resilience = self.settings.resilience
            breaker = Breaker(model, failures=resilience.breaker_failures, open_s=resilience.breaker_open_s)
            self.breakers[model] = breaker
            self._connections[model] = GuardedClient(breaker), GuardedAsyncClient(breaker)
        return self._connections[model]

    def _langchain(self, model: str) -> dict[str, Any]:
        connection, async_connection = self._connected(model)
        return {
            "base_url": self.settings.provider_url,
            "api_key": SecretStr(self.settings.api_key),
            "timeout": self.settings.resilience.timeout_s,
            "max_retries": 0,
            "http_client": connection,
            "http_async_client": async_connection,
        }

    def _llama_index(self, model: str) -> dict[str, Any]:
        connection, async_connection = self._connected(model)
        return {
            "api_base": self.settings.provider_url,
            "api_key": self.settings.api_key,
            "timeout": self.settings.resilience.timeout_s,
            "max_retries": 0,
            "http_client": connection,
            "async_http_client": async_connection,
        }


def _cached(embeddings: OpenAIEmbeddings, vectors: Cache) -> Embeddings:
    return CacheBackedEmbeddings.from_bytes_store(
        embeddings,
        EmbeddingStore(vectors),
        namespace=embeddings.model,
        key_encoder="sha256",
        query_embedding_cache=True,
    )
