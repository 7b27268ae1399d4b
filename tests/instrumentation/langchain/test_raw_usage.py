from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from langchain_openai.chat_models import base
from pydantic import SecretStr

import spanmeter
from spanmeter import semconv
from spanmeter.answer import ALL_ZERO

ZERO = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
TICKS = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "cost_in_usd_ticks": 4310000}


def model(provider: Any, name: str = "grok-4", usage: Any = TICKS) -> ChatOpenAI:
    """A client of a provider that charges for itself, and says so in the usage of its streams."""

    def chunks(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        body = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": asked["model"]}
        yield {**body, "choices": [{"index": 0, "delta": {"content": "Four."}, "finish_reason": None}]}
        yield {**body, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        yield {**body, "choices": [], "usage": usage}

    provider.chunks = chunks
    return ChatOpenAI(model=name, base_url=provider.url, api_key=SecretStr("none"), stream_usage=True, max_retries=0)


def charged(instrumented: Any) -> list[Any]:
    return [span.attributes.get(semconv.REPORTED_COST_USD) for span in instrumented.calls()]


def test_a_stream_costs_what_its_provider_charged(instrumented: Any, provider: Any) -> None:
    list(model(provider).stream("hi"))
    assert charged(instrumented) == ["0.0004310000"]


async def test_an_asynchronous_stream_costs_what_its_provider_charged(instrumented: Any, provider: Any) -> None:
    client = model(provider)

    async def read() -> None:
        async for _ in client.astream("hi"):
            pass

    await asyncio.gather(read(), read())
    assert charged(instrumented) == ["0.0004310000"] * 2


def test_streams_read_in_turns_cost_each_its_own(instrumented: Any, provider: Any) -> None:
    client = model(provider)
    for _ in zip(client.stream("hi"), client.stream("hi"), strict=True):
        pass
    assert charged(instrumented) == ["0.0004310000"] * 2


@pytest.mark.parametrize(
    ("more", "grades", "usd"),
    [
        ({}, ("estimated", "estimated"), "0.000002400000"),
        ({"cost_in_usd_ticks": 0}, ("reported", "reported"), "0.000000000000"),
    ],
    ids=["a-contradiction", "free"],
)
def test_a_stream_that_counts_nothing_is_estimated_unless_it_was_free(
    instrumented: Any, provider: Any, more: dict[str, int], grades: tuple[str, str], usd: str
) -> None:
    list(model(provider, "gpt-4o-mini", {**ZERO, **more}).stream("hi"))
    (span,) = instrumented.calls()
    said = span.attributes
    assert (said[semconv.USAGE_GRADE], said[semconv.COST_GRADE]) == grades
    assert (said[semconv.COST_USD], said.get(semconv.USAGE_NOTES)) == (usd, None if more else (ALL_ZERO,))


@pytest.mark.usefixtures("instrumented")
def test_nothing_is_left_in_the_clients() -> None:
    listening = base._create_usage_metadata
    spanmeter.uninstrument()
    assert listening.__wrapped__ is base._create_usage_metadata  # type: ignore[attr-defined]
