"""`context` says who a call is for, `measure` what a block spent, in threads and tasks too."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

import spanmeter
from spanmeter.scope import current_scope

STAMP = {
    "user.id": "u1",
    "gen_ai.conversation.id": "s1",
    "spanmeter.tenant": "acme",
    "spanmeter.feature": "search",
    "spanmeter.team": "core",
    "spanmeter.tag.plan": "gold",
}


def model(provider: Any) -> ChatOpenAI:
    return ChatOpenAI(model="gpt-5", base_url=f"{provider.url}/v1", api_key=SecretStr("none"), max_retries=0)


def stamp(span: Any) -> dict[str, Any]:
    return {key: value for key, value in span.attributes.items() if key in STAMP}


def test_every_span_inside_is_stamped_the_applications_own_included(provider: Any, instrumented: Any) -> None:
    tracer = instrumented.tracer_provider.get_tracer("app")
    with (
        spanmeter.context(user="u1", session="s1", tenant="acme", feature="search", team="core", plan="gold"),
        tracer.start_as_current_span("request"),
    ):
        model(provider).invoke("a")
    with tracer.start_as_current_span("later"):
        pass

    stamps = {span.name: stamp(span) for span in instrumented.finished}
    assert stamps == {"request": STAMP, "chat gpt-5": STAMP, "later": {}}


async def test_an_inner_context_adds_and_wins(provider: Any, instrumented: Any) -> None:
    async with spanmeter.context(user="u1", tenant="acme"):
        with spanmeter.context(user="u2", feature="search"):
            await model(provider).ainvoke("a")
        await model(provider).ainvoke("b")

    assert [stamp(span) for span in instrumented.named("chat gpt-5")] == [
        {"user.id": "u2", "spanmeter.tenant": "acme", "spanmeter.feature": "search"},
        {"user.id": "u1", "spanmeter.tenant": "acme"},
    ]


async def test_tasks_that_share_a_context_enter_and_leave_it_each_for_themselves() -> None:
    shared = spanmeter.context(tenant="acme")

    async def ask(seconds: float) -> tuple[dict[str, str], dict[str, str]]:
        async with shared:
            await asyncio.sleep(seconds)
            inside = dict(current_scope().attributes)
        return inside, dict(current_scope().attributes)

    seen = list(await asyncio.gather(ask(0.02), ask(0.01), ask(0)))
    assert seen == [({"spanmeter.tenant": "acme"}, {})] * 3


@pytest.mark.usefixtures("instrumented")
def test_a_bill_equals_the_providers_own_record(provider: Any) -> None:
    with spanmeter.measure() as bill:
        model(provider).batch(["a", "b"])
    model(provider).invoke("c")

    assert (bill.calls, bill.input_tokens, bill.output_tokens) == (2, 200, 40)
    assert (provider.calls, provider.input_tokens, provider.output_tokens) == (3, 300, 60)
    assert list(bill.by_model()) == ["gpt-5-2025-08-07"]
    assert bill.unpriced_calls == 0
    assert bill.cost_usd == 2 * (36 * 125 + 64 * Decimal("12.5") + 20 * 1000) / Decimal(100_000_000)


@pytest.mark.usefixtures("instrumented")
async def test_bills_nest_and_follow_tasks_and_copied_contexts(provider: Any) -> None:
    with spanmeter.measure() as outer, ThreadPoolExecutor(1) as pool:
        with spanmeter.measure() as inner:
            await asyncio.gather(model(provider).ainvoke("a"), model(provider).ainvoke("b"))
        copied = contextvars.copy_context()
        pool.submit(copied.run, model(provider).invoke, "c").result()

    assert (inner.calls, outer.calls, provider.calls) == (2, 3, 3)
