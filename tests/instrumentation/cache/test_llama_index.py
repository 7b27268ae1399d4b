"""The cache behind LlamaIndex's embeddings and ingestion: one request to the provider, and what every hit saved."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from llama_index.core.ingestion import IngestionCache, IngestionPipeline
from llama_index.core.schema import Document
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from tests.instrumentation.cache.crowd import until, waits_for

from spanmeter.cache import Cache, Disk
from spanmeter.cache.llama_index import CacheStore

MANY = 20
EMBEDDING_USD = Decimal("0.00000014")


def embedder(provider: Any, cache: Cache, **options: Any) -> OpenAIEmbedding:
    return OpenAIEmbedding(
        api_base=f"{provider.url}/v1",
        api_key="none",
        model="text-embedding-3-small",
        max_retries=0,
        embeddings_cache=CacheStore(cache, namespace="text-embedding-3-small"),
        **options,
    )


def told(spans: Any, start: str) -> list[dict[str, Any]]:
    prefix = "spanmeter.cache."
    return [
        {key.removeprefix(prefix): value for key, value in span.attributes.items() if key.startswith(prefix)}
        for span in spans.finished
        if span.name.startswith(start)
    ]


def test_a_vector_is_embedded_once_and_knows_what_it_saved(provider: Any, instrumented: Any, disk: Disk) -> None:
    for _ in range(2):  # the second time it is found on disk
        cache = Cache("vectors", isolate=(), behind=disk)
        embed = embedder(provider, cache)
        for _ in range(2):
            assert embed.get_query_embedding("a") == embed.get_text_embedding("a") == [0.1, 0.2]

    assert (provider.calls, cache.stats().hits, cache.stats().saved_usd) == (1, 4, 4 * EMBEDDING_USD)
    hit = {"hit": True, "name": "vectors", "result": "hit", "saved_usd": f"{EMBEDDING_USD:.12f}"}
    assert told(instrumented, "embeddings") == [{"name": "vectors", "result": "miss"}, *[hit] * 7]


async def test_an_awaited_vector_is_embedded_once(provider: Any, instrumented: Any) -> None:
    cache = Cache("vectors")
    embed = embedder(provider, cache)
    for _ in range(3):
        assert await embed.aget_query_embedding("a") == [0.1, 0.2]

    assert (provider.calls, cache.stats().saved_usd) == (1, 2 * EMBEDDING_USD)
    assert [one["result"] for one in told(instrumented, "embeddings")] == ["miss", "hit", "hit"]


def test_a_batch_shares_its_price(provider: Any, instrumented: Any) -> None:
    cache = Cache("vectors")
    embed = embedder(provider, cache)
    embed.get_text_embedding_batch(["a", "b", "c"])
    embed.get_text_embedding_batch(["c", "d"])

    assert (provider.calls, provider.input_tokens) == (2, 28)
    assert (cache.stats().misses, cache.stats().saved_usd) == (4, EMBEDDING_USD)
    assert told(instrumented, "embeddings")[1] == {
        "name": "vectors",
        "result": "miss",
        "hits": 1,
        "misses": 1,
        "saved_usd": f"{EMBEDDING_USD:.12f}",
    }


@pytest.mark.usefixtures("instrumented")
async def test_awaited_batches_share_their_price(provider: Any) -> None:
    cache = Cache("vectors")
    embed = embedder(provider, cache, embed_batch_size=2)
    for _ in range(2):
        await embed.aget_text_embedding_batch(["a", "b", "c", "d"])

    assert (provider.calls, cache.stats().hits, cache.stats().saved_usd) == (2, 4, 4 * EMBEDDING_USD)


@pytest.mark.usefixtures("instrumented")
@pytest.mark.parametrize("failures", [0, 1])
def test_of_many_threads_that_miss_texts_at_once_one_embeds_them(failures: int, provider: Any) -> None:
    provider.wait, provider.fail_next = threading.Event(), [500] * failures
    cache = Cache("vectors")
    embed = embedder(provider, cache)
    with ThreadPoolExecutor(MANY) as pool:
        futures = [pool.submit(embed.get_text_embedding_batch, ["a", "b"]) for _ in range(MANY)]
        until(lambda: waits_for(cache, MANY - 1))
        provider.wait.set()
        failed = [future.exception() for future in futures]

    assert (provider.calls, len(list(filter(None, failed)))) == (1, failures)
    assert cache.flights._flying == {}


@pytest.mark.usefixtures("instrumented")
async def test_of_many_tasks_that_miss_a_text_at_once_one_embeds_it(provider: Any) -> None:
    cache = Cache("vectors")
    embed = embedder(provider, cache)
    vectors = await asyncio.gather(*(embed.aget_text_embedding("a") for _ in range(MANY)))

    assert (vectors, provider.calls) == ([[0.1, 0.2]] * MANY, 1)
    assert (cache.stats().hits, cache.stats().saved_usd) == (MANY - 1, (MANY - 1) * EMBEDDING_USD)


def test_models_are_apart() -> None:
    cache = Cache("vectors")
    store = CacheStore(cache, namespace="small")
    store.put("a", {"1": [0.5]}, "embeddings")

    assert store.get("a", "embeddings") == {"1": [0.5]}
    assert CacheStore(cache, namespace="large").get("a", "embeddings") is None
    assert store.get("a", "other") is None


def ingest(provider: Any, cache: Cache) -> list[list[float] | None]:
    embed = OpenAIEmbedding(
        api_base=f"{provider.url}/v1", api_key="none", model="text-embedding-3-small", max_retries=0
    )
    pipeline = IngestionPipeline(transformations=[embed], cache=IngestionCache(cache=CacheStore(cache)))
    documents = [Document(text="a", doc_id="1"), Document(text="b", doc_id="2")]
    return [node.embedding for node in pipeline.run(documents=documents)]


def test_an_ingestion_is_done_once_and_knows_what_it_saved(provider: Any, instrumented: Any, disk: Disk) -> None:
    for _ in range(2):
        cache = Cache("ingestion", behind=disk)
        assert [ingest(provider, cache) for _ in range(2)] == [[[0.1, 0.2]] * 2] * 2

    assert (provider.calls, cache.stats().saved_usd) == (1, 2 * 2 * EMBEDDING_USD)
    hit = {"name": "ingestion", "result": "hit", "saved_usd": f"{2 * EMBEDDING_USD:.12f}"}
    assert told(instrumented, "cache ingestion") == [{"name": "ingestion", "result": "miss"}, hit, hit, hit]


@pytest.mark.usefixtures("instrumented")
async def test_an_awaited_ingestion_is_done_once(provider: Any) -> None:
    cache = Cache("ingestion")
    embed = OpenAIEmbedding(
        api_base=f"{provider.url}/v1", api_key="none", model="text-embedding-3-small", max_retries=0
    )
    pipeline = IngestionPipeline(transformations=[embed], cache=IngestionCache(cache=CacheStore(cache)))
    for _ in range(2):
        await pipeline.arun(documents=[Document(text="a", doc_id="1")])

    assert (provider.calls, cache.stats().saved_usd) == (1, EMBEDDING_USD)


async def test_what_is_deleted_is_gone() -> None:
    store = CacheStore(Cache("vectors"))
    await store.aput("a", {"b": 1})
    known = [await store.aget("a"), await store.adelete("a"), await store.adelete("a"), await store.aget("a")]

    assert known == [{"b": 1}, True, False, None]


async def test_keys_are_not_listed() -> None:
    with pytest.raises(NotImplementedError, match="keys of data are kept as digests and cannot be listed"):
        await CacheStore(Cache("vectors")).aget_all()
