"""LangChain's embeddings are counted as the provider reports them, though they emit no callbacks."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.runnables import RunnableLambda
from langchain_openai import OpenAIEmbeddings
from pydantic import SecretStr

import spanmeter
from spanmeter import semconv

NAME = "embeddings text-embedding-3-small"


def embeddings(provider: Any, **options: Any) -> OpenAIEmbeddings:
    return OpenAIEmbeddings(
        model="text-embedding-3-small",
        base_url=f"{provider.url}/v1",
        api_key=SecretStr("none"),
        max_retries=0,
        check_embedding_ctx_length=False,
        **options,
    )


def test_an_embedding_span_carries_the_reported_usage(provider: Any, instrumented: Any) -> None:
    embeddings(provider).embed_query("a")

    assert dict(instrumented.one(NAME).attributes) == {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "text-embedding-3-small",
        "gen_ai.response.model": "text-embedding-3-small",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 0,
        "spanmeter.framework": "langchain",
        "spanmeter.usage.grade": "reported",
        "spanmeter.cost.grade": "computed",
        "spanmeter.cost.usd": "0.000000140000",
    }


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_requests_of_one_embedding_add_up(way: str, provider: Any, instrumented: Any) -> None:
    batched = embeddings(provider, chunk_size=2)
    texts = ["a", "b", "c", "d", "e"]
    with spanmeter.measure() as bill:
        vectors = batched.embed_documents(texts) if way == "sync" else await batched.aembed_documents(texts)

    span = instrumented.one(NAME)
    assert (span.attributes[semconv.CALLS], span.attributes[semconv.INPUT_TOKENS]) == (3, 35)
    assert (bill.calls, bill.input_tokens) == (provider.calls, provider.input_tokens) == (3, 35)
    assert len(vectors) == 5


def test_an_embedding_of_nothing_asks_nobody(provider: Any, instrumented: Any) -> None:
    with spanmeter.measure() as bill:
        embeddings(provider).embed_documents([])

    assert (bill.calls, bill.unpriced_calls, provider.calls) == (0, 0, 0)
    assert instrumented.one(NAME).attributes[semconv.CALLS] == 0


def test_a_failed_embedding_names_its_error(provider: Any, instrumented: Any) -> None:
    provider.fail_next = [429]
    with pytest.raises(Exception, match="429"):
        embeddings(provider).embed_query("a")

    assert instrumented.one(NAME).attributes[semconv.ERROR_TYPE] == "RateLimitError"
    assert instrumented.calls() == []


async def test_an_embedding_is_below_the_run_that_asks_for_it(provider: Any, instrumented: Any) -> None:
    async def look_up(text: str) -> list[float]:
        return await embeddings(provider).aembed_query(text)

    await RunnableLambda(look_up, name="look up").ainvoke("a")

    assert instrumented.path_of(NAME) == [NAME, "chain look up"]


def test_a_class_defined_later_is_counted_and_one_that_calls_another_is_a_wrapper(
    provider: Any, instrumented: Any
) -> None:
    class Kept(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return embeddings(provider).embed_documents(texts)

        def embed_query(self, text: str) -> list[float]:
            return self.embed_documents([text])[0]

    Kept().embed_query("a")

    assert instrumented.path_of(NAME) == [NAME, "embeddings Kept"]
    assert len(instrumented.calls()) == provider.calls == 1
