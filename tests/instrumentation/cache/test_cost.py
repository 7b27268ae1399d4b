"""A hit saves what computing its value cost; what is not known stays unknown."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.llms.openai import OpenAI
from opentelemetry.trace import NoOpTracerProvider
from pydantic import SecretStr
from tests.instrumentation.small_calls import CHAT

import spanmeter
from spanmeter import semconv
from spanmeter.bill import Bill
from spanmeter.cache import Cache, Disk
from spanmeter.cache.cost import begin, cost_of, end
from spanmeter.call import Calls
from spanmeter.pricing import Usage
from spanmeter.receipt import Receipt

# 36 uncached, 64 cached and 20 output tokens of gpt-5 at $1.25, $0.125 and $10 a million
CALL_USD = Decimal("0.000253")
# 7 tokens of text-embedding-3-small at $0.02 a million
EMBEDDING_USD = Decimal("0.00000014")


def langchain_chat(url: str, question: str) -> str:
    model = ChatOpenAI(base_url=f"{url}/v1", api_key=SecretStr("none"), model="gpt-5", max_retries=0)
    return str(model.invoke(question).content)


def llama_index_chat(url: str, question: str) -> str:
    return str(OpenAI(api_base=f"{url}/v1", api_key="none", model="gpt-5", max_retries=0).complete(question))


def langchain_embedding(url: str, question: str) -> str:
    return str(
        OpenAIEmbeddings(
            base_url=f"{url}/v1",
            api_key=SecretStr("none"),
            model="text-embedding-3-small",
            check_embedding_ctx_length=False,
        ).embed_query(question)
    )


@pytest.mark.parametrize(
    ("ask", "usd"),
    [(langchain_chat, CALL_USD), (llama_index_chat, CALL_USD), (langchain_embedding, EMBEDDING_USD)],
)
def test_a_hit_saves_what_the_provider_charged(
    ask: Callable[..., str], usd: Decimal, provider: Any, instrumented: Any, disk: Disk
) -> None:
    for requests in (3, 2):  # the second cache finds on disk what the first one left
        cache = Cache("answers", behind=disk)
        for _ in range(requests):
            cache(ask)(provider.url, "a")
        assert (cache.stats().saved_usd, cache.stats().unpriced_hits) == (2 * usd, 0)

    assert provider.calls == 1
    told = [attributes(span) for span in instrumented.named("cache answers")]
    hit = {"name": "answers", "result": "hit", "saved_usd": f"{usd:.12f}"}
    assert told == [{"name": "answers", "result": "miss"}, *[hit] * 4]


def attributes(span: Any) -> dict[str, Any]:
    prefix = "spanmeter.cache."
    return {key.removeprefix(prefix): value for key, value in span.attributes.items() if key.startswith(prefix)}


@pytest.mark.usefixtures("instrumented")
async def test_an_awaited_hit_saves_what_the_provider_charged(provider: Any, disk: Disk) -> None:
    cache = Cache("answers", behind=disk)

    @cache
    async def answer(question: str) -> str:
        model = ChatOpenAI(base_url=f"{provider.url}/v1", api_key=SecretStr("none"), model="gpt-5", max_retries=0)
        return str((await model.ainvoke(question)).content)

    for _ in range(3):
        await answer("a")

    assert (provider.calls, cache.stats().saved_usd) == (1, 2 * CALL_USD)


def test_calls_of_a_miss_are_below_its_span(provider: Any, instrumented: Any, answers: Cache) -> None:
    answers(langchain_chat)(provider.url, "a")

    assert instrumented.path_of("chat gpt-5") == ["chat gpt-5", "cache answers"]
    assert instrumented.one("cache answers").attributes[semconv.OPERATION] == "cache"


@pytest.mark.usefixtures("instrumented")
def test_a_hit_costs_nothing(provider: Any, answers: Cache) -> None:
    answer = answers(langchain_chat)
    answer(provider.url, "a")
    with spanmeter.measure() as bill:
        answer(provider.url, "a")

    assert (bill.calls, bill.cost_usd, bill.saved_usd, bill.unpriced_hits) == (0, Decimal(0), CALL_USD, 0)


@pytest.mark.usefixtures("instrumented")
def test_a_cache_inside_a_cache_saves_only_what_was_still_paid(provider: Any) -> None:
    inner = Cache("inner")
    outer = Cache("outer")
    ask = inner(langchain_chat)

    @outer
    def twice(question: str) -> str:
        return ask(provider.url, "always") + langchain_chat(provider.url, question)

    ask(provider.url, "always")
    twice("a")
    twice("a")

    assert (inner.stats().saved_usd, outer.stats().saved_usd) == (CALL_USD, CALL_USD)


def test_a_miss_whose_value_never_comes_joins_no_requests() -> None:
    begin()
    calls = Calls(tracer_provider=NoOpTracerProvider())
    with spanmeter.measure() as bill:
        of_the_block = calls.start(CHAT)
        of_the_block.stop()
    by_itself = calls.start(CHAT)
    by_itself.stop()
    end()

    assert (by_itself.request, of_the_block.request, bill.calls) == (None, bill, 1)


RECEIPT: dict[str, Any] = {
    "framework": "",
    "operation": "chat",
    "provider": "openai",
    "model": "m",
    "request_model": "m",
    "duration_s": 0.0,
    "usage": Usage(input=1),
}


@pytest.mark.parametrize(
    ("receipts", "usd"),
    [
        ([], None),
        ([{"calls": 1, "cost_usd": Decimal("0.1")}, {"calls": 1, "cost_usd": Decimal("0.2")}], Decimal("0.3")),
        ([{"calls": 1, "cost_usd": Decimal("0.1")}, {"calls": 1}], None),
        ([{"failed_calls": 1}], None),
        ([{"cache_hits": 1}], Decimal(0)),
        ([{"calls": 1, "cost_usd": Decimal(0)}], Decimal(0)),
    ],
    ids=["nothing seen", "priced", "one unpriced", "failed", "another cache's hit", "free"],
)
def test_the_cost_is_known_where_every_calls_is(receipts: list[dict[str, Any]], usd: Decimal | None) -> None:
    bill = Bill()
    for told in receipts:
        bill.add(Receipt(**{**RECEIPT, **told}))

    assert cost_of(bill) == usd
