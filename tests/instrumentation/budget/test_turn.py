"""Two hundred calls at once against a budget for twenty: all the money is used, and hardly more."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage

import spanmeter
from spanmeter.settling import settling

CALL_USD = Decimal("0.000253")
LIMIT_USD = 20 * CALL_USD


def _stands(budget: spanmeter.Budget, provider: Any) -> tuple[int, Decimal, Decimal]:
    return provider.calls, budget.spent_usd, budget.reserved_usd


@pytest.mark.parametrize("options", [{"max_tokens": 25}, {"max_tokens": 2000}, {}], ids=["tight", "loose", "none"])
def test_in_threads(models: Any, provider: Any, options: dict[str, Any]) -> None:
    budget, chat = spanmeter.Budget("small", limit_usd=LIMIT_USD), models.langchain(**options)

    def ask(_: int) -> int:
        try:
            chat.invoke("hello")
        except spanmeter.BudgetExceeded:
            return 0
        return 1

    with ThreadPoolExecutor(200) as pool:
        answered = sum(pool.map(ask, range(200)))
    assert (answered, _stands(budget, provider)) == (20, (20, LIMIT_USD, Decimal(0)))


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
async def test_in_tasks(models: Any, provider: Any, framework: str) -> None:
    budget = spanmeter.Budget("small", limit_usd=LIMIT_USD)
    chat, model = models.langchain(max_tokens=25), models.llama_index(max_tokens=25)
    asks = [chat.ainvoke("hello") if framework == "langchain" else model.acomplete("hello") for _ in range(200)]
    results = await asyncio.gather(*asks, return_exceptions=True)
    answered = sum(not isinstance(result, BaseException) for result in results)
    assert (answered, _stands(budget, provider)) == (20, (20, LIMIT_USD, Decimal(0)))


async def test_who_waits_gives_up_in_time(models: Any, provider: Any) -> None:
    provider.wait = threading.Event()
    budget = spanmeter.Budget("small", limit_usd="0.0003", wait_s=0)
    asking = asyncio.create_task(models.langchain(max_tokens=25).ainvoke("hello"))
    while not budget.reserved_usd:  # noqa: ASYNC110  the provider's thread sets no event
        await asyncio.sleep(0.01)
    with pytest.raises(spanmeter.BudgetExceeded, match="calls under way hold what is left"):
        await models.langchain(max_tokens=25).ainvoke("hello")
    provider.wait.set()
    await asking


def test_nobody_waits_for_figures_that_another_thread_does_not_finish(models: Any, provider: Any) -> None:
    budget = spanmeter.Budget("spent", limit_usd="1")
    budget._account.charge(10**12, request=None)
    begun, done = threading.Event(), threading.Event()

    def settle() -> None:
        begun.set()
        done.wait(60)

    settling.later(settle)
    assert begun.wait(60)
    with pytest.raises(spanmeter.BudgetExceeded):
        models.llama_index().chat([ChatMessage("hello")])
    assert (done.is_set(), provider.calls) == (False, 0)
    done.set()
