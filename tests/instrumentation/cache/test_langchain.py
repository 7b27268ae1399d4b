"""The cache behind LangChain's models and embeddings: one request to the provider, and what every hit saved."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, Generation
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import SecretStr
from tests.instrumentation.cache.crowd import until, waits_for

import spanmeter
from spanmeter.barrier import raise_faults
from spanmeter.cache import Cache, Disk
from spanmeter.cache.entry import Entry, write_entry
from spanmeter.cache.langchain import EmbeddingStore, Generations, LLMCache

CALL_USD = Decimal("0.000253")
SAVED = f"{CALL_USD:.12f}"
EMBEDDING_USD = Decimal("0.00000014")
MANY = 20


def model(provider: Any, cache: Any) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=f"{provider.url}/v1", api_key=SecretStr("none"), model="gpt-5", max_retries=0, cache=cache
    )


def told(spans: Any, name: str) -> list[dict[str, Any]]:
    prefix = "spanmeter.cache."
    return [
        {key.removeprefix(prefix): value for key, value in span.attributes.items() if key.startswith(prefix)}
        for span in spans.named(name)
    ]


def test_a_hit_saves_what_the_provider_charged(provider: Any, instrumented: Any, disk: Disk) -> None:
    said = []
    for _ in range(2):  # the second time it is found on disk
        cache = Cache("answers", behind=disk)
        asked = model(provider, LLMCache(cache))
        said += [asked.invoke("a").content for _ in range(2)]
        assert cache.stats().unpriced_hits == 0

    assert (said, provider.calls) == (["Hello world"] * 4, 1)
    hit = {"hit": True, "name": "answers", "result": "hit", "saved_usd": SAVED}
    assert told(instrumented, "chat gpt-5") == [{"name": "answers", "result": "miss"}, hit, hit, hit]
    assert (cache.stats().hits, cache.stats().saved_usd) == (2, 2 * CALL_USD)


async def test_an_awaited_hit_saves_what_the_provider_charged(provider: Any, instrumented: Any, disk: Disk) -> None:
    cache = Cache("answers", behind=disk)
    asked = model(provider, LLMCache(cache))
    said = [(await asked.ainvoke("a")).content for _ in range(3)]

    assert (said, provider.calls, cache.stats().saved_usd) == (["Hello world"] * 3, 1, 2 * CALL_USD)
    assert [one["result"] for one in told(instrumented, "chat gpt-5")] == ["miss", "hit", "hit"]


def test_a_hit_of_any_other_cache_knows_what_it_saved(provider: Any, instrumented: Any) -> None:
    asked = model(provider, InMemoryCache())
    with spanmeter.measure() as bill:
        for _ in range(2):
            asked.invoke("a")

    assert told(instrumented, "chat gpt-5") == [{}, {"hit": True, "name": "llm", "result": "hit", "saved_usd": SAVED}]
    assert (bill.calls, bill.cache_hits, bill.cost_usd) == (1, 1, CALL_USD)


def test_a_hit_without_tokens_saved_nobody_knows_what(provider: Any, instrumented: Any) -> None:
    provider.silent = True
    asked = model(provider, InMemoryCache())
    for _ in range(2):
        asked.invoke("a")

    (hit,) = filter(None, told(instrumented, "chat gpt-5"))
    assert hit == {"hit": True, "name": "llm", "result": "hit", "unpriced_hits": 1}


@pytest.mark.usefixtures("instrumented")
def test_tenants_are_apart(provider: Any) -> None:
    asked = model(provider, LLMCache(Cache("answers")))
    for tenant in ("acme", "globex", "acme", "globex"):
        with spanmeter.context(tenant=tenant):
            asked.invoke("a")

    assert provider.calls == 2


def test_without_instrumentation_it_caches_all_the_same(provider: Any) -> None:
    cache = Cache("answers")
    asked = model(provider, LLMCache(cache))

    assert [asked.invoke("a").content for _ in range(3)] == ["Hello world"] * 3
    assert (provider.calls, cache.stats().hits, cache.stats().unpriced_hits) == (1, 2, 2)


def test_a_cleared_cache_asks_again(provider: Any) -> None:
    cache = LLMCache(Cache("answers"))
    asked = model(provider, cache)
    asked.invoke("a")
    cache.clear()
    asked.invoke("a")

    assert provider.calls == 2


@pytest.mark.usefixtures("instrumented")
@pytest.mark.parametrize("failures", [0, 1])
def test_of_many_threads_that_miss_at_once_one_asks_the_model(failures: int, provider: Any) -> None:
    provider.wait, provider.fail_next = threading.Event(), [500] * failures
    cache = Cache("answers")
    asked = model(provider, LLMCache(cache))
    with ThreadPoolExecutor(MANY) as pool:
        futures = [pool.submit(asked.invoke, "a") for _ in range(MANY)]
        until(lambda: waits_for(cache, MANY - 1))
        provider.wait.set()
        failed = [future.exception() for future in futures]

    assert (provider.calls, len(list(filter(None, failed)))) == (1, failures)
    stats = cache.stats()  # who waits again after a failure may come when the answer is in memory already
    assert (stats.hits, stats.memory_hits <= failures * MANY) == (MANY - 1 - failures, True)


@pytest.mark.usefixtures("instrumented")
async def test_of_many_tasks_that_miss_at_once_one_asks_the_model(provider: Any) -> None:
    cache = Cache("answers")
    asked = model(provider, LLMCache(cache))
    said = await asyncio.gather(*(asked.ainvoke("a") for _ in range(MANY)))

    assert ({one.content for one in said}, provider.calls) == ({"Hello world"}, 1)
    assert cache.stats().saved_usd == (MANY - 1) * CALL_USD


@pytest.mark.usefixtures("instrumented")
async def test_a_model_that_nobody_waits_for_any_more_holds_nobody_up(provider: Any) -> None:
    provider.wait = threading.Event()
    asked = model(provider, LLMCache(Cache("answers")))
    leader = asyncio.create_task(asked.ainvoke("a"))
    asking: Any = provider.wait
    await asyncio.to_thread(until, lambda: len(asking._cond._waiters) == 1)
    follower = asyncio.create_task(asked.ainvoke("a"))
    await asyncio.sleep(0)
    leader.cancel()
    provider.wait.set()

    assert (await follower).content == "Hello world"
    with pytest.raises(asyncio.CancelledError):
        await leader


GENERATIONS = [
    ChatGeneration(
        message=AIMessage(
            [{"type": "text", "text": "a"}],
            tool_calls=[{"name": "find", "args": {"a": [1]}, "id": "1", "type": "tool_call"}],
            usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
            response_metadata={"model_name": "gpt-5"},
            sources=[{"page": 1}],
        ),
        generation_info={"finish_reason": "stop"},
    ),
    ChatGeneration(message=ToolMessage("a", tool_call_id="1")),
    ChatGeneration(message=HumanMessage("a")),
    Generation(text="a", generation_info={"b": 1}),
]


def test_generations_come_back_as_they_were() -> None:
    codec = Generations()

    assert codec.decode(codec.encode(GENERATIONS)) == GENERATIONS


def test_a_copy_of_generations_shares_nothing_that_can_be_changed() -> None:
    codec = Generations()
    read = codec.decode(codec.encode(GENERATIONS))
    copy = codec.copied(read)
    assert copy == GENERATIONS

    answer: Any = copy[0]
    answer.message.content[0]["text"] = answer.message.tool_calls[0]["args"]["a"] = "changed"
    answer.message.response_metadata["model_name"] = answer.generation_info["finish_reason"] = "changed"
    answer.message.usage_metadata["input_tokens"] = 7
    answer.message.additional_kwargs["b"] = 1
    answer.message.sources[0]["page"] = 2

    assert read == GENERATIONS


@pytest.mark.parametrize("written", [b"", b"[{}]", b'[{"text":"a","message":{"type":"Path","data":{}},"info":null}]'])
def test_what_is_no_generation_is_refused(written: bytes) -> None:
    with pytest.raises((ValueError, LookupError)):
        Generations().decode(written)


async def test_a_fault_in_reading_an_entry_is_a_miss_for_those_who_await_too(disk: Disk) -> None:
    cache = Cache("answers", behind=disk)
    key = cache.key(("a", "model"))
    disk.put("answers", key, write_entry(Entry(b"[" * 100_000), place=f"answers:{key}"), expires_at=None)
    raise_faults(on=False)
    try:
        assert (LLMCache(cache).lookup("a", "model"), await LLMCache(cache).alookup("a", "model")) == (None, None)
    finally:
        raise_faults(on=True)


def test_a_completion_is_cached() -> None:
    cache = LLMCache(Cache("answers"))
    cache.update("a", "model", [Generation(text="b")])

    assert (cache.lookup("a", "model"), cache.lookup("a", "other")) == ([Generation(text="b")], None)


def embeddings(provider: Any, store: EmbeddingStore, **options: Any) -> CacheBackedEmbeddings:
    underlying = OpenAIEmbeddings(
        base_url=f"{provider.url}/v1",
        api_key=SecretStr("none"),
        model="text-embedding-3-small",
        max_retries=0,
        check_embedding_ctx_length=False,
    )
    return CacheBackedEmbeddings.from_bytes_store(
        underlying, store, namespace="small", key_encoder="sha256", query_embedding_cache=True, **options
    )


def test_vectors_are_embedded_once_and_know_what_they_saved(provider: Any, instrumented: Any, disk: Disk) -> None:
    cache = Cache("vectors", isolate=(), behind=disk)
    cached = embeddings(provider, EmbeddingStore(cache))
    vectors = cached.embed_documents(["a", "b", "c"])
    again = cached.embed_documents(["b", "c", "d"])
    query = cached.embed_query("d")

    assert (vectors + again, query, provider.calls) == ([[0.1, 0.2]] * 6, [0.1, 0.2], 2)
    assert (cache.stats().hits, cache.stats().misses, cache.stats().saved_usd) == (3, 4, 3 * EMBEDDING_USD)
    assert [one for one in told(instrumented, "embeddings CacheBackedEmbeddings") if one] == [
        {"name": "vectors", "result": "miss", "hits": 0, "misses": 3},
        {"name": "vectors", "result": "miss", "hits": 2, "misses": 1, "saved_usd": f"{2 * EMBEDDING_USD:.12f}"},
        {"name": "vectors", "result": "hit", "saved_usd": f"{EMBEDDING_USD:.12f}"},
    ]


@pytest.mark.usefixtures("instrumented")
def test_batches_of_one_request_know_what_each_saved(provider: Any) -> None:
    cache = Cache("vectors")
    cached = embeddings(provider, EmbeddingStore(cache), batch_size=2)
    for _ in range(2):
        cached.embed_documents(["a", "b", "c"])

    assert (provider.calls, cache.stats().saved_usd) == (2, 3 * EMBEDDING_USD)


@pytest.mark.usefixtures("instrumented")
async def test_awaited_vectors_know_what_they_saved(provider: Any) -> None:
    cache = Cache("vectors")
    cached = embeddings(provider, EmbeddingStore(cache))
    for _ in range(2):
        await cached.aembed_documents(["a", "b", "c"])
        await cached.aembed_query("a")

    assert (provider.calls, cache.stats().saved_usd) == (1, 5 * EMBEDDING_USD)


@pytest.mark.usefixtures("instrumented")
@pytest.mark.parametrize("failures", [0, 1])
def test_of_many_threads_that_miss_texts_at_once_one_embeds_them(failures: int, provider: Any) -> None:
    provider.wait, provider.fail_next = threading.Event(), [500] * failures
    cache = Cache("vectors")
    cached = embeddings(provider, EmbeddingStore(cache))
    with ThreadPoolExecutor(MANY) as pool:
        futures = [pool.submit(cached.embed_documents, ["a", "b"]) for _ in range(MANY)]
        until(lambda: waits_for(cache, MANY - 1))
        provider.wait.set()
        failed = [future.exception() for future in futures]

    assert (provider.calls, len(list(filter(None, failed)))) == (1, failures)
    assert (cache.stats().hits, cache.flights._flying) == (2 * (MANY - 1 - failures), {})


@pytest.mark.usefixtures("instrumented")
async def test_of_many_tasks_that_miss_texts_at_once_one_embeds_them(provider: Any) -> None:
    cache = Cache("vectors")
    cached = embeddings(provider, EmbeddingStore(cache))
    vectors = await asyncio.gather(*(cached.aembed_documents(["a", "b"]) for _ in range(MANY)))

    assert (vectors, provider.calls, cache.stats().saved_usd) == (
        [[[0.1, 0.2]] * 2] * MANY,
        1,
        2 * (MANY - 1) * EMBEDDING_USD,
    )


@pytest.mark.usefixtures("instrumented")
def test_calls_that_miss_each_others_texts_wait_for_neither(provider: Any) -> None:
    provider.wait = threading.Event()
    cached = embeddings(provider, EmbeddingStore(Cache("vectors")))
    asking: Any = provider.wait
    futures = []
    with ThreadPoolExecutor(2) as pool:
        for count, texts in enumerate((["a", "b"], ["c", "b"]), 1):
            futures.append(pool.submit(cached.embed_documents, texts))
            until(partial(lambda count: len(asking._cond._waiters) == count, count))
        provider.wait.set()
        vectors = [future.result() for future in futures]

    assert (vectors, provider.calls) == ([[[0.1, 0.2]] * 2] * 2, 2)


@pytest.mark.usefixtures("instrumented")
def test_of_processes_that_miss_texts_at_once_one_embeds_them(provider: Any, disk: Disk) -> None:
    caches = [Cache("vectors", behind=disk) for _ in range(2)]
    first, other = (embeddings(provider, EmbeddingStore(cache)) for cache in caches)
    provider.wait = threading.Event()
    asking: Any = provider.wait
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(first.embed_documents, ["a", "b"])
        until(lambda: len(asking._cond._waiters) == 1)
        follower = pool.submit(other.embed_documents, ["a", "b"])
        until(lambda: bool(caches[1].flights._flying))
        provider.wait.set()
        vectors = [leader.result(), follower.result()]

    assert (vectors, provider.calls) == ([[[0.1, 0.2]] * 2] * 2, 1)
    assert (caches[1].stats().hits, caches[1].stats().misses) == (2, 0)


@pytest.mark.usefixtures("instrumented")
async def test_a_model_asked_without_awaiting_waits_for_no_task_of_its_loop(provider: Any) -> None:
    provider.wait = threading.Event()
    asked = model(provider, LLMCache(Cache("answers")))
    leader = asyncio.create_task(asked.ainvoke("a"))
    asking: Any = provider.wait
    await asyncio.to_thread(until, lambda: len(asking._cond._waiters) == 1)
    provider.wait.set()
    said = asked.invoke("a").content

    assert (said, (await leader).content, provider.calls) == ("Hello world", "Hello world", 2)


def test_a_vector_that_is_deleted_is_embedded_again() -> None:
    store = EmbeddingStore(Cache("vectors"))
    store.mset([("a", b"1"), ("b", b"2")])
    store.mdelete(["a", "c"])

    assert store.mget(["a", "b"]) == [None, b"2"]


def test_keys_of_vectors_are_not_listed() -> None:
    with pytest.raises(NotImplementedError, match=r"keys are kept as digests and cannot be listed; `Cache.clear\(\)`"):
        EmbeddingStore(Cache("vectors")).yield_keys()
