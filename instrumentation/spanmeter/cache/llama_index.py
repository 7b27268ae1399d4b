"""The cache where LlamaIndex looks for one.

from llama_index.core.ingestion import IngestionCache, IngestionPipeline
from spanmeter.cache import Cache, Disk
from spanmeter.cache.llama_index import CacheStore

vectors = Cache("vectors", isolate=(), behind=Disk("/var/cache/shop/vectors.sqlite"))
OpenAIEmbedding(embeddings_cache=CacheStore(vectors, namespace="text-embedding-3-small"))
IngestionPipeline(..., cache=IngestionCache(cache=CacheStore(Cache("ingestion", isolate=()))))
"""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.storage.kvstore.types import DEFAULT_COLLECTION, BaseKVStore

from spanmeter.cache.cache import Cache
from spanmeter.cache.codec import Typed
from spanmeter.cache.framework import Kept
from spanmeter.cache.waiting import finish, finish_async


class CacheStore(BaseKVStore):
    """A key-value store for `embeddings_cache` and `IngestionCache`.

    LlamaIndex's keys of embeddings are the texts alone: a `namespace` with the model's name keeps the vectors of
    several models apart. Keys are kept as digests, so that nothing lists them.
    """

    def __init__(self, cache: Cache, *, namespace: str = "") -> None:
        self._kept = Kept(cache, Typed(dict[str, Any]))
        self._namespace = namespace

    def put(self, key: str, val: dict[str, Any], collection: str = DEFAULT_COLLECTION) -> None:
        """Keep what was computed after a miss."""
        self._kept.keep(val, self._namespace, collection, key)

    async def aput(self, key: str, val: dict[str, Any], collection: str = DEFAULT_COLLECTION) -> None:
        """Keep what was computed after a miss."""
        await self._kept.keep_async(val, self._namespace, collection, key)

    def get(self, key: str, collection: str = DEFAULT_COLLECTION) -> dict[str, Any] | None:
        """What is kept, or what another call brings that embeds it already."""
        held = finish(self._kept.asking(self._namespace, collection, key))
        return None if held is None else held.again()

    async def aget(self, key: str, collection: str = DEFAULT_COLLECTION) -> dict[str, Any] | None:
        """The same for those who await."""
        held = await finish_async(self._kept.asking(self._namespace, collection, key))
        return None if held is None else held.again()

    def delete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        """Forget a key; whether it was known."""
        return bool(self._kept.drop(self._namespace, collection, key))

    async def adelete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        """Forget a key; whether it was known."""
        return await asyncio.to_thread(self.delete, key, collection)

    def get_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, dict[str, Any]]:
        """Refuse.

        Raises:
            NotImplementedError: Keys are kept as digests.
        """
        raise NotImplementedError(
            f"keys of {collection} are kept as digests and cannot be listed; `Cache.clear()` forgets all of a cache"
        )

    async def aget_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, dict[str, Any]]:
        """Refuse, as `get_all`."""
        return self.get_all(collection)
