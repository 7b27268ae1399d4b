"""A budget that is spent stops every kind of call of both frameworks before the provider is asked."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import pickle
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import openai
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import HumanMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import RetryPolicy
from llama_index.core import PromptTemplate
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.llms import ChatMessage
from llama_index.core.storage.kvstore import SimpleKVStore
from llama_index.llms.langchain import LangChainLLM  # type: ignore[import-untyped]

import spanmeter
from spanmeter import semconv
from spanmeter.budget.budgets import budgets
from spanmeter.budget_period import period_at
from spanmeter.langchain import SpanmeterCallbackHandler
from spanmeter.langchain import gate as langchain_gate
from spanmeter.llama_index import SpanmeterEventHandler, SpanmeterSpanHandler
from spanmeter.llama_index import gate as llama_index_gate

MODEL_SUFFIX = "-2025-08-07"


def attribute(span: Any, key: str) -> Any:
    return (span.attributes or {}).get(key)


ZERO, ONE = Decimal(0), Decimal(1)
MESSAGES = [ChatMessage("hello")]
CALL_USD = Decimal("0.000253")  # 36 uncached tokens at 1.25, 64 cached ones at 0.125, 20 answered at 10 USD per million


Ask = Callable[[], object]


def synchronous(models: Any) -> dict[str, Ask]:
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
        "llama_index predict": lambda: model.predict(PromptTemplate("hello")),
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


async def _all(stream: Any) -> list[Any]:
    return [piece async for piece in stream]


async def _streamed(asked: Any) -> list[Any]:
    return await _all(await asked)


def _spend(name: str, **terms: Any) -> spanmeter.Budget:
    """A budget of which nothing is left."""
    budget = spanmeter.Budget(name, limit_usd="1", **terms)
    budget._account.charge(10**12, request=None)
    return budget


async def test_a_spent_budget_stops_every_call(models: Any, provider: Any, instrumented: Any) -> None:
    _spend("spent")
    for name, ask in synchronous(models).items():
        with pytest.raises(spanmeter.BudgetExceeded) as stopped:
            ask()
        assert (name, stopped.value.name, stopped.value.spent_usd) == (name, "spent", ONE)
    for name, ask in asynchronous(models).items():
        with pytest.raises(spanmeter.BudgetExceeded) as stopped:
            await ask()
        assert (name, stopped.value.name, stopped.value.spent_usd) == (name, "spent", ONE)
    assert provider.calls == 0
    told = {(attribute(span, semconv.BUDGET), attribute(span, semconv.ERROR_TYPE)) for span in instrumented.finished}
    assert told == {("spent", "BudgetExceeded")}


async def test_a_budget_is_charged_what_calls_cost_and_keeps_nothing_reserved(models: Any) -> None:
    budget = spanmeter.Budget("day", limit_usd="1")
    with spanmeter.measure() as bill:
        for name, ask in synchronous(models).items():
            ask()
            assert (name, budget.spent_usd, budget.reserved_usd) == (name, bill.cost_usd, ZERO)
        for name, later in asynchronous(models).items():
            await later()
            assert (name, budget.spent_usd, budget.reserved_usd) == (name, bill.cost_usd, ZERO)


async def test_a_call_reserves_while_it_is_under_way(models: Any, provider: Any) -> None:
    budget = spanmeter.Budget("day", limit_usd="1")
    provider.wait = threading.Event()
    asking = asyncio.create_task(models.langchain(max_tokens=1000).ainvoke("hello"))
    await _until(lambda: budget.reserved_usd > 0)
    # 1,000 tokens at 10 USD per million, and 5 bytes and one message at 1.25
    assert budget.reserved_usd == Decimal("0.01001125")
    provider.wait.set()
    await asking
    assert (budget.spent_usd, budget.reserved_usd) == (CALL_USD, ZERO)


async def test_a_cancelled_call_gives_back(models: Any, provider: Any) -> None:
    budget = spanmeter.Budget("day", limit_usd="1")
    provider.wait = threading.Event()
    for later in (models.langchain().ainvoke("hello"), models.llama_index().achat(MESSAGES)):
        asking = asyncio.create_task(later)
        await _until(lambda: budget.reserved_usd > 0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (budget.spent_usd, budget.reserved_usd) == (ZERO, ZERO)
    provider.wait.set()


def test_a_failed_call_gives_back(models: Any, provider: Any) -> None:
    budget = spanmeter.Budget("day", limit_usd="1")
    asks: tuple[Ask, ...] = (lambda: models.langchain().invoke("hello"), lambda: models.llama_index().chat(MESSAGES))
    for ask in asks:
        provider.fail_next = [400]
        with pytest.raises(openai.BadRequestError):
            ask()
        assert (budget.spent_usd, budget.reserved_usd) == (ZERO, ZERO)


def test_a_stream_that_is_dropped_gives_back(models: Any) -> None:
    budget = spanmeter.Budget("day", limit_usd="1")
    never = models.llama_index().stream_chat(MESSAGES)
    assert budget.reserved_usd > 0
    del never
    gc.collect()
    assert (budget.spent_usd, budget.reserved_usd) == (ZERO, ZERO)
    begun = models.langchain().stream("hello")
    next(begun)
    begun.close()
    assert budget.reserved_usd == 0


def test_what_a_cache_answers_is_never_stopped(models: Any, provider: Any) -> None:
    cached = models.langchain(cache=InMemoryCache())
    embedder = models.llama_index_embeddings(embeddings_cache=SimpleKVStore())
    asks: tuple[Ask, ...] = (lambda: cached.invoke("hello"), lambda: embedder.get_text_embedding("hello"))
    for ask in asks:
        ask()
        asked = provider.calls
        budget = _spend("spent")
        ask()
        assert (provider.calls, budget.spent_usd, budget.reserved_usd) == (asked, ONE, ZERO)
        budget.close()


def test_a_budget_is_for_those_its_scope_names(models: Any) -> None:
    scope = {"tenant": "acme", "plan": "free", "model": "gpt-5", "service": budgets.service}
    _spend("acme", scope=scope)
    others: tuple[dict[str, str], ...] = ({"tenant": "other", "plan": "free"}, {"tenant": "acme"}, {})
    for other in others:
        with spanmeter.context(**other):
            models.langchain().invoke("hello")
    with spanmeter.context(tenant="acme", plan="free"):
        models.langchain("gpt-5-mini").invoke("hello")
        with pytest.raises(spanmeter.BudgetExceeded):
            models.langchain().invoke("hello")
        with pytest.raises(spanmeter.BudgetExceeded):
            models.llama_index().chat(MESSAGES)


def test_every_budget_that_holds_for_a_call_has_to_have_money(models: Any) -> None:
    wide = spanmeter.Budget("wide", limit_usd="1")
    _spend("narrow", scope={"tenant": "acme"})
    with spanmeter.context(tenant="acme"), pytest.raises(spanmeter.BudgetExceeded) as stopped:
        models.langchain().invoke("hello")
    assert (stopped.value.name, wide.reserved_usd) == ("narrow", ZERO)


def test_an_error_tells_how_the_budget_stands(models: Any) -> None:
    _spend("day")
    with pytest.raises(spanmeter.BudgetExceeded) as stopped:
        models.langchain().invoke("hello")
    error = pickle.loads(pickle.dumps(stopped.value))
    resets_at = period_at(datetime.now(UTC), "day", timezone="UTC", since=datetime.now(UTC)).end
    told = (error.name, error.limit_usd, error.spent_usd, error.reserved_usd, error.resets_at)
    assert told == ("day", Decimal(1), Decimal(1), Decimal(0), resets_at)
    assert str(error).startswith("budget 'day': it is spent; of 1 USD 1 are spent and 0 reserved by calls under way")


async def test_a_spent_budget_sends_calls_to_a_cheaper_model(models: Any, provider: Any) -> None:
    spent = _spend("cheaper", action="downgrade", downgrade={"gpt-5": "gpt-5-mini"})
    with spanmeter.measure() as bill:
        models.langchain().invoke("hello")
        await models.langchain().bind(model="gpt-5").ainvoke("hello")
        list(models.langchain().stream("hello"))
        models.llama_index().chat(MESSAGES)
        await models.llama_index().acomplete("hello")
        models.langchain("gpt-5-nano").invoke("hello")  # nobody named another for it
    assert {name: totals.calls for name, totals in bill.by_model().items()} == {
        f"gpt-5-mini{MODEL_SUFFIX}": 5,
        f"gpt-5-nano{MODEL_SUFFIX}": 1,
    }
    assert bill.cost_usd is not None
    assert (spent.spent_usd, provider.calls) == (1 + bill.cost_usd, 6)
    keys = (semconv.REQUEST_MODEL, semconv.DOWNGRADED_FROM)
    told = [(span.name, *(attribute(span, key) for key in keys)) for span in models.spans.finished]
    chat = ("chat gpt-5-mini", "gpt-5-mini", "gpt-5")
    text = ("text_completion gpt-5-mini", "gpt-5-mini", "gpt-5")
    assert told == [chat, chat, chat, chat, text, ("chat gpt-5-nano", "gpt-5-nano", None)]


def test_a_cheaper_model_that_costs_too_much_as_well_has_its_own_cheaper_one(models: Any, provider: Any) -> None:
    chain = {"gpt-5": "gpt-5-mini", "gpt-5-mini": "gpt-5-nano"}
    budget = spanmeter.Budget("chain", limit_usd=str(CALL_USD / 2), action="downgrade", downgrade=chain)
    asked = []
    for _ in range(2):
        with spanmeter.measure() as bill:
            models.langchain(max_tokens=25).invoke("hello")
        asked += list(bill.by_model())
        budget._account.charge(10**12, request=None)
    assert asked == [f"gpt-5-mini{MODEL_SUFFIX}", f"gpt-5-nano{MODEL_SUFFIX}"]
    told = [span.attributes[semconv.DOWNGRADED_FROM] for span in models.spans.calls()]
    assert (told, budget._account.downgraded, provider.calls) == (["gpt-5", "gpt-5"], 2, 2)


def test_with_money_left_nothing_is_downgraded(models: Any) -> None:
    spanmeter.Budget("cheaper", limit_usd="1", action="downgrade", downgrade={"gpt-5": "gpt-5-mini"})
    with spanmeter.measure() as bill:
        models.langchain(max_tokens=25).invoke("hello")
        models.llama_index(max_tokens=25).chat(MESSAGES)
    assert list(bill.by_model()) == [f"gpt-5{MODEL_SUFFIX}"]


def test_a_request_is_a_measured_block_or_a_trace(models: Any) -> None:
    contextvars.Context().run(_ask_by_requests, models)


def _ask_by_requests(models: Any) -> None:
    chat = models.langchain(max_tokens=25)
    spanmeter.Budget("each", limit_usd=str(2 * CALL_USD), period="request")
    for _ in range(3):  # each a trace of its own
        chat.invoke("hello")
    with spanmeter.measure():
        with spanmeter.measure():
            chat.invoke("hello")
        models.llama_index(max_tokens=25).chat(MESSAGES)
        with pytest.raises(spanmeter.BudgetExceeded):
            chat.invoke("hello")
    with spanmeter.track("request"):
        models.llama_index(max_tokens=25).chat(MESSAGES)
        chat.invoke("hello")
        with pytest.raises(spanmeter.BudgetExceeded) as stopped:
            chat.invoke("hello")
    assert (stopped.value.spent_usd, stopped.value.resets_at) == (2 * CALL_USD, None)


def test_trying_again_is_soon_over(models: Any, provider: Any) -> None:
    _spend("spent")
    chat, other = models.langchain(), models.langchain("gpt-5-mini")
    again = chat.with_retry(stop_after_attempt=3, wait_exponential_jitter=False)
    for ask in (again.invoke, chat.with_fallbacks([other]).invoke):
        with pytest.raises(spanmeter.BudgetExceeded):
            ask("hello")
    told = again.batch(["hello", "there"], return_exceptions=True)
    assert [type(each) for each in told] == [spanmeter.BudgetExceeded] * 2
    graph = StateGraph(MessagesState)
    graph.add_node("ask", lambda state: {"messages": [chat.invoke(state["messages"])]}, retry_policy=RetryPolicy())
    graph.add_edge(START, "ask")
    with pytest.raises(spanmeter.BudgetExceeded):
        graph.compile().invoke({"messages": [HumanMessage("hello")]})
    failed = [span for span in models.spans.finished if span.name.startswith("chat ")]
    assert ([span.name for span in failed], provider.calls) == (
        ["chat gpt-5"] * 2 + ["chat gpt-5-mini"] + ["chat gpt-5"] * 3,
        0,
    )


def test_a_model_that_asks_another_is_held_once(models: Any) -> None:
    budget = spanmeter.Budget("day", limit_usd=str(3 * CALL_USD))
    outer = LangChainLLM(models.langchain(max_tokens=25))
    outer.complete("hello")
    list(outer.stream_complete("hello"))
    assert (budget.spent_usd, budget.reserved_usd) == (2 * CALL_USD, ZERO)


def test_with_handlers_alone_a_spent_budget_stops_calls_too(models: Any, provider: Any) -> None:
    spanmeter.uninstrument()
    root = get_dispatcher()
    handler, events, spans = SpanmeterCallbackHandler(), SpanmeterEventHandler(), SpanmeterSpanHandler()
    root.add_event_handler(events)
    root.add_span_handler(spans)
    _spend("spent")
    try:
        with pytest.raises(spanmeter.BudgetExceeded):
            models.langchain().invoke("hello", {"callbacks": [handler]})
        with pytest.raises(spanmeter.BudgetExceeded):
            models.llama_index().chat(MESSAGES)
    finally:
        root.event_handlers.remove(events)
        root.span_handlers.remove(spans)
        for gate in (langchain_gate, llama_index_gate):
            budgets.forget(gate.follow)
            gate.remove()
    assert provider.calls == 0


def test_without_instrumentation_nothing_is_left_on_the_models(models: Any) -> None:
    spanmeter.Budget("day", limit_usd="1")
    asks = (type(models.langchain()), "_stream"), (type(models.llama_index()), "chat")
    wrapped = [getattr(kind, name) for kind, name in asks]
    spanmeter.uninstrument()
    assert [getattr(kind, name) is before for (kind, name), before in zip(asks, wrapped, strict=True)] == [False, False]
    assert [getattr(kind, name).__code__.co_filename.endswith("gate.py") for kind, name in asks[:1]] == [False]


async def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
