"""Reranks are stopped before their client asks, and charged what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

import spanmeter
from spanmeter.answer import Answer
from spanmeter.call import Call
from spanmeter.opening import Opening
from spanmeter.pricing import Usage
from spanmeter.process import calls
from spanmeter.tap import Taps

RERANK = Opening("rerank", "rerank rerank-v3.5", "llama_index", provider="cohere", model="rerank-v3.5")
SEARCH_USD = Decimal("0.002")  # 2 USD per thousand searches


class Client:
    """A client as providers ship them; it counts what it would send."""

    asked = 0

    def rerank(self, *, query: str, documents: list[str]) -> int:
        assert query
        self.asked += 1
        return len(documents)

    async def rerank_later(self, query: str, documents: list[str]) -> int:
        return self.rerank(query=query, documents=documents)


def _hear(call: Call, _: int) -> None:
    call.report(Answer(usage=Usage(rerank_searches=1)))


@pytest.fixture
def client(instrumented: object) -> Iterator[Client]:  # noqa: ARG001  calls are counted
    taps = Taps()
    for name in ("rerank", "rerank_later"):
        taps.put(Client, name, operation="rerank", hear=_hear)
    yield Client()
    taps.remove()


def _rerank(client: Client) -> None:
    call = calls().start(RERANK)
    try:
        client.rerank(query="which", documents=["one", "two"])
    except BaseException as error:
        call.fail(error)
        raise
    call.stop()


async def test_a_rerank_that_does_not_fit_is_stopped_before_its_client_asks(client: Client) -> None:
    budget = spanmeter.Budget("day", limit_usd="0.005", on_unknown="stop")
    for spent in (SEARCH_USD, 2 * SEARCH_USD):
        _rerank(client)
        assert (budget.spent_usd, budget.reserved_usd) == (spent, Decimal(0))
    with pytest.raises(spanmeter.BudgetExceeded, match="what is left does not pay for this call"):
        _rerank(client)
    call = calls().start(RERANK)
    with pytest.raises(spanmeter.BudgetExceeded):
        await client.rerank_later("which", ["one"])
    call.stop()
    assert (client.asked, budget.spent_usd, budget.reserved_usd) == (2, 2 * SEARCH_USD, Decimal(0))


def test_each_request_of_one_rerank_is_held(client: Client) -> None:
    budget = spanmeter.Budget("day", limit_usd="0.005", on_unknown="stop")
    call = calls().start(RERANK)
    for reserved in (SEARCH_USD, 2 * SEARCH_USD):
        client.rerank(query="which", documents=["one"])
        assert budget.reserved_usd == reserved
    call.stop()

    assert client.asked == 2
