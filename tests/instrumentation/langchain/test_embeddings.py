"""LangChain's embeddings are counted as the provider reports them, though they emit no callbacks."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.runnables import RunnableLambda
from langchain_core.stores import InMemoryByteStore
from langchain_openai import AzureOpenAIEmbeddings, OpenAIEmbeddings
from pydantic import SecretStr

import spanmeter
from spanmeter import semconv
from spanmeter.langchain import embeddings as door

NAME = "embeddings text-embedding-3-small"


def embeddings(provider: Any, *, checked: bool = False, **options: Any) -> OpenAIEmbeddings:
    return OpenAIEmbeddings(
        model="text-embedding-3-small",
        base_url=f"{provider.url}/v1",
        api_key=SecretStr("none"),
        max_retries=0,
        check_embedding_ctx_length=checked,
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
        "server.address": "127.0.0.1",
        "server.port": int(provider.url.rpartition(":")[2]),
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


@pytest.mark.usefixtures("instrumented")
async def test_texts_sent_as_tokens_are_counted_as_reported(provider: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(encodings_on_this_machine()))
    chunked = embeddings(provider, chunk_size=2, checked=True)
    with spanmeter.measure() as bill:
        chunked.embed_documents(["a", "b", "c"])
        await chunked.aembed_query("d")

    assert (bill.calls, bill.input_tokens) == (provider.calls, provider.input_tokens)
    assert provider.calls == 3


def test_azure_is_counted_as_reported(provider: Any, instrumented: Any) -> None:
    azure = AzureOpenAIEmbeddings(
        azure_endpoint=provider.url,
        azure_deployment="search",
        model="text-embedding-3-large",
        api_key=SecretStr("none"),
        api_version="2024-10-21",
        check_embedding_ctx_length=False,
    )
    with spanmeter.measure() as bill:
        azure.embed_query("a")

    said = instrumented.one("embeddings text-embedding-3-large").attributes
    assert (said[semconv.PROVIDER_NAME], said[semconv.COST_USD]) == ("azure.ai.openai", "0.000000910000")
    assert (bill.calls, bill.input_tokens, provider.calls) == (1, 7, 1)


async def test_only_what_a_cache_misses_is_a_call(provider: Any, instrumented: Any) -> None:
    kept = CacheBackedEmbeddings.from_bytes_store(
        embeddings(provider), InMemoryByteStore(), key_encoder="sha256", query_embedding_cache=True
    )
    with spanmeter.measure() as bill:
        kept.embed_documents(["a", "b"])
        kept.embed_documents(["a", "b"])
        await kept.aembed_documents(["b", "c"])
        kept.embed_query("d")
        await kept.aembed_query("d")

    assert (bill.calls, bill.input_tokens) == (provider.calls, provider.input_tokens) == (3, 28)
    assert len(instrumented.named("embeddings CacheBackedEmbeddings")) == 5
    assert {span.name for span in instrumented.calls()} == {NAME}


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_a_model_of_this_machine_is_one_call_without_a_price(way: str, instrumented: Any) -> None:
    local = DeterministicFakeEmbedding(size=3)
    with spanmeter.measure() as bill:
        vector = local.embed_query("a") if way == "sync" else await local.aembed_query("a")

    assert (bill.calls, bill.unpriced_calls, bill.cost_usd) == (1, 1, None)
    assert vector == DeterministicFakeEmbedding(size=3).embed_query("a")
    assert len(instrumented.calls()) == 1 + 1


class Broken(Embeddings):
    model = object()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise ZeroDivisionError(texts[0])

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


async def test_a_failing_model_fails_as_it_would_and_counts_no_call(instrumented: Any) -> None:
    with spanmeter.measure() as bill, pytest.raises(ZeroDivisionError, match="why"):
        await Broken().aembed_query("why")

    assert (bill.calls, bill.failed_calls) == (0, 1)
    assert instrumented.one("embeddings Broken").attributes[semconv.ERROR_TYPE] == "ZeroDivisionError"


@pytest.mark.parametrize(
    ("url", "known"), [("https://api.together.xyz/v1", "together"), ("https://gate.example", "openai")]
)
def test_a_client_sent_elsewhere_names_who_answers_there(url: str, known: str) -> None:
    sent = OpenAIEmbeddings(model="some-model", base_url=url, api_key=SecretStr("none"))
    opening = door._opening(sent, tuple)

    assert opening is not None
    assert (opening.provider, opening.model) == (known, "some-model")


@pytest.mark.parametrize(
    ("args", "options", "texts"),
    [
        pytest.param((["a", "b"],), {}, ["a", "b"], id="documents"),
        pytest.param(("a",), {"chunk_size": 1}, ["a"], id="query"),
        pytest.param((), {"texts": ("a",)}, ["a"], id="documents by name"),
        pytest.param((), {"text": "a"}, ["a"], id="query by name"),
        pytest.param(([None, 3, "a"],), {}, ["a"], id="no texts"),
        pytest.param((), {}, [], id="nothing"),
    ],
)
def test_the_texts_asked_for_are_read(args: Any, options: Any, texts: list[str]) -> None:
    assert door._texts(args, options) == texts


def encodings_on_this_machine() -> Path:
    """Where LlamaIndex keeps an encoding: without one LangChain's client would download it."""
    found = importlib.util.find_spec("llama_index")
    (root,) = found.submodule_search_locations if found and found.submodule_search_locations else [""]
    return Path(root) / "core" / "_static" / "tiktoken_cache"


def test_texts_are_counted_where_the_provider_tells_no_usage(provider: Any, instrumented: Any) -> None:
    provider.silent = True
    with spanmeter.measure() as bill:
        embeddings(provider).embed_documents(["a b", "c"])

    assert (bill.calls, bill.input_tokens, bill.unpriced_calls) == (1, 3, 0)
    said = instrumented.one(NAME).attributes
    assert {key: said[key] for key in (semconv.USAGE_GRADE, semconv.COST_GRADE, semconv.USAGE_METHOD)} == {
        semconv.USAGE_GRADE: "estimated",
        semconv.COST_GRADE: "estimated",
        semconv.USAGE_METHOD: "tiktoken:cl100k_base",
    }
