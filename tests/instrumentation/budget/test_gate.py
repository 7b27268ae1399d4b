"""A budget that is spent stops every kind of call of both frameworks before the provider is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage

import spanmeter
from spanmeter import semconv


def attribute(span: Any, key: str) -> Any:
    return (span.attributes or {}).get(key)


MESSAGES = [ChatMessage("hello")]
CALL_USD = Decimal("0.00037")  # 36 uncached tokens at 2.50, 64 cached ones at 1.25, 20 answered at 10 USD per million


def synchronous(models: Any) -> dict[str, Callable[[], object]]:
    chat, model = models.langchain(), models.llama_index()
    vectors, embedder = models.langchain_embeddings(), models.llama_index_embeddings()
    return {
        "langchain invoke": lambda: chat.invoke("hello"),
        "langchain stream": lambda: list(chat.stream("hello")),
        "langchain batch": lambda: chat.batch(["hello", "there"]),
        "langchain events": lambda: list(chat.stream_events("hello", version="v3")),
        "langchain embed_query": lambda: vectors.embed_query("hello"),
        "langchain embed_documents": lambda: vectors.embed_documents(["hello"]),
        "llama_index chat": lambda: model.chat(MESSAGES),
        "llama_index complete": lambda: model.complete("hello"),
        "llama_index stream_chat": lambda: list(model.stream_chat(MESSAGES)),
        "llama_index stream_complete": lambda: list(model.stream_complete("hello")),
        "llama_index predict": lambda: model.predict(_prompt()),
        "llama_index query embedding": lambda: embedder.get_query_embedding("hello"),
        "llama_index text embedding": lambda: embedder.get_text_embedding("hello"),
        "llama_index batch of embeddings": lambda: embedder.get_text_embedding_batch(["hello", "there"]),
    }


def asynchronous(models: Any) -> dict[str, Callable[[], Awaitable[object]]]:
    chat, model = models.langchain(), models.llama_index()
    vectors, embedder = models.langchain_embeddings(), models.llama_index_embeddings()
    return {
        "langchain ainvoke": lambda: chat.ainvoke("hello"),
        "langchain astream": lambda: _all(chat.astream("hello")),
        "langchain abatch": lambda: chat.abatch(["hello", "there"]),
        "langchain aembed_query": lambda: vectors.aembed_query("hello"),
        "llama_index achat": lambda: model.achat(MESSAGES),
        "llama_index acomplete": lambda: model.acomplete("hello"),
        "llama_index astream_chat": lambda: _streamed(model.astream_chat(MESSAGES)),
        "llama_index query embedding": lambda: embedder.aget_query_embedding("hello"),
        "llama_index batch of embeddings": lambda: embedder.aget_text_embedding_batch(["hello", "there"]),
    }


def _prompt() -> Any:
    from llama_index.core import PromptTemplate

    return PromptTemplate("hello")


async def _all(stream: Any) -> list[Any]:
    return [piece async for piece in stream]


async def _streamed(asked: Any) -> list[Any]:
    return await _all(await asked)


def _spend(name: str) -> spanmeter.Budget:
    """A budget of which nothing is left."""
    budget = spanmeter.Budget(name, limit_usd="1")
    budget._account.charge(10**12, request=None)
    return budget


async def test_a_spent_budget_stops_every_call(models: Any, provider: Any, instrumented: Any) -> None:
    _spend("spent")
    for name, ask in synchronous(models).items():
        with pytest.raises(spanmeter.BudgetExceeded) as stopped:
            ask()
        assert (name, stopped.value.name, stopped.value.spent_usd) == (name, "spent", 1)
    for name, ask in asynchronous(models).items():
        with pytest.raises(spanmeter.BudgetExceeded) as stopped:
            await ask()
        assert (name, stopped.value.name, stopped.value.spent_usd) == (name, "spent", 1)
    assert provider.calls == 0
    told = {(attribute(span, semconv.BUDGET), attribute(span, semconv.ERROR_TYPE)) for span in instrumented.finished}
    assert told == {("spent", "BudgetExceeded")}


async def test_a_budget_is_charged_what_calls_cost(models: Any, provider: Any, instrumented: Any) -> None:
    budget = spanmeter.Budget("day", limit_usd="1")
    with spanmeter.measure() as bill:
        for name, ask in synchronous(models).items():
            ask()
            assert (bill.cost_usd or 0) == budget.spent_usd, name
            assert budget.reserved_usd == 0, name
        for name, ask in asynchronous(models).items():
            await ask()
            assert (bill.cost_usd or 0) == budget.spent_usd, name
            assert budget.reserved_usd == 0, name
    print(budget.spent_usd, provider.calls)
