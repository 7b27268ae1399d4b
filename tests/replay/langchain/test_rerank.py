"""A rerank of LangChain's is what its provider bills, however it is asked and whatever stands around it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda
from tests.replay.recording import Recording

import spanmeter
from spanmeter import semconv

langchain_cohere = pytest.importorskip("langchain_cohere")

FOUND = [Document(page_content="four"), Document(page_content="seventeen")]
ORDER = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]
BILLED = {"billed_units": {"search_units": 2}}
RECORDING = Recording(
    "rerank",
    "https://api.cohere.com/v2/rerank",
    {},
    {"content-type": "application/json"},
    json.dumps({"id": "1", "results": ORDER, "meta": BILLED}).encode(),
)
WAYS: dict[str, Callable[[Any], Any]] = {
    "sync": lambda reranker: reranker.compress_documents(FOUND, "which"),
    "async": lambda reranker: asyncio.run(reranker.acompress_documents(FOUND, "which")),
    "scores": lambda reranker: reranker.rerank(FOUND, "which"),
    "chain": lambda reranker: RunnableLambda(lambda query: reranker.compress_documents(FOUND, query)).invoke("which"),
}
SEARCHES_USD = Decimal("0.004")  # two at 2 USD per thousand
ZERO = Decimal(0)
way = pytest.mark.parametrize("ask", WAYS.values(), ids=WAYS)


@pytest.fixture
def reranker(application: Any) -> Iterator[Any]:
    application.calls()
    application.exporter.clear()
    application.player.load(RECORDING)
    yield langchain_cohere.CohereRerank(model="rerank-v3.5", base_url=application.player.url, cohere_api_key="none")
    application.player.refuses = False


@way
def test_it_is_counted_once_as_billed(application: Any, reranker: Any, ask: Callable[[Any], Any]) -> None:
    with spanmeter.measure() as bill:
        ask(reranker)

    assert (bill.calls, bill.cost_usd, application.player.answered) == (1, SEARCHES_USD, 1)
    [said] = application.calls()
    told = (semconv.PROVIDER_NAME, semconv.REQUEST_MODEL, "spanmeter.usage.rerank_searches", semconv.USAGE_GRADE)
    assert [said[key] for key in told] == ["cohere", "rerank-v3.5", 2, "reported"]


@way
def test_a_budget_is_charged_and_stops_the_next(application: Any, reranker: Any, ask: Callable[[Any], Any]) -> None:
    budget = spanmeter.Budget("day", limit_usd="0.005", on_unknown="stop")
    try:
        ask(reranker)
        assert (budget.spent_usd, budget.reserved_usd) == (SEARCHES_USD, ZERO)
        with pytest.raises(spanmeter.BudgetExceeded):
            ask(reranker)
        assert (budget.spent_usd, budget.reserved_usd, application.player.answered) == (SEARCHES_USD, ZERO, 1)
    finally:
        budget.close()


@way
def test_what_the_provider_refuses_gives_back(application: Any, reranker: Any, ask: Callable[[Any], Any]) -> None:
    application.player.refuses = True
    budget = spanmeter.Budget("day", limit_usd="0.005")
    try:
        with pytest.raises(Exception, match="nobody may ask"), spanmeter.measure() as bill:
            ask(reranker)
        assert (bill.calls, bill.failed_calls, budget.spent_usd, budget.reserved_usd) == (0, 1, ZERO, ZERO)
    finally:
        budget.close()
