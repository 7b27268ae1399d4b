"""What holds of any usage, whoever reports it and whatever is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.instrumentation.pricing.payloads import (
    AMOUNTS,
    APIS,
    AROUND_NOTHING,
    MIXED,
    PROVIDERS,
    SHAPES,
    TOKENS,
    TOLD,
    payload_of,
)

from spanmeter.pricing import PriceBook, PriceKey, Usage, read_parts, read_usage, read_usage_metadata
from spanmeter.pricing.response import Response, price
from spanmeter.pricing.usage import BUCKETS

# Drawn anew in each run of ours would be another suite in each run: the cases are the same ones everywhere.
settings.register_profile(
    "pricing",
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
PRICED: Final = settings.get_profile("pricing")
NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODELS: Final = (
    PriceKey("openai", "gpt-4o-mini"),
    PriceKey("openai", "gpt-4o-audio-preview-2024-12-17"),
    PriceKey("anthropic", "claude-sonnet-4-5"),
    PriceKey("gcp.gemini", "gemini-2.5-flash"),
    PriceKey("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    PriceKey("deepseek", "deepseek-chat"),
)


def _valid(usage: Usage) -> bool:
    return all(type(count) is int and count >= 0 for count in (getattr(usage, bucket) for bucket in BUCKETS))


@PRICED
@given(told=TOLD, provider=PROVIDERS, api=APIS)
def test_what_stands_in_its_place_gives_buckets_that_are_never_negative(
    told: list[tuple[tuple[str, ...], Any]], provider: str, api: str
) -> None:
    parts = read_parts(payload_of(told), provider=provider, api=api)
    assert all(_valid(part.usage) for part in parts)


@PRICED
@given(payload=MIXED, provider=PROVIDERS, api=APIS)
def test_words_out_of_place_give_buckets_that_are_never_negative(
    payload: dict[str, Any], provider: str, api: str
) -> None:
    assert _valid(read_usage(payload, provider=provider, api=api))


@PRICED
@given(payload=AROUND_NOTHING, provider=PROVIDERS)
def test_whatever_is_no_usage_is_read_without_an_exception(payload: Any, provider: str) -> None:
    assert _valid(read_usage(payload, provider=provider))


@PRICED
@given(metered=MIXED, said=MIXED)
def test_langchain_s_usage_gives_buckets_that_are_never_negative(metered: dict[str, Any], said: dict[str, Any]) -> None:
    assert _valid(read_usage_metadata(metered, said))


@PRICED
@given(told=TOLD, said=MIXED, key=st.sampled_from(MODELS))
def test_the_components_of_a_bill_add_up_to_it(
    book: PriceBook, told: list[tuple[tuple[str, ...], Any]], said: dict[str, Any], key: PriceKey
) -> None:
    usage = payload_of(told)
    response = Response(provider=key.provider, model=key.model, usage=usage, at=NOON, response_extra=said)
    cost = price(book, response).cost
    amounts = [line.usd for line in cost.components]
    assert cost.grade == "unpriced" if cost.usd is None else sum(filter(None, amounts), Decimal(0)) == cost.usd
    assert all(amount is None or amount >= 0 for amount in amounts)


@PRICED
@given(amounts=AMOUNTS, times=st.integers(min_value=2, max_value=10), key=st.sampled_from(MODELS))
def test_as_much_again_costs_as_much_again_within_a_tier(
    book: PriceBook, amounts: dict[str, int], times: int, key: PriceKey
) -> None:
    once = book.cost(key, Usage(**amounts), at=NOON).usd
    often = book.cost(key, Usage(**{bucket: count * times for bucket, count in amounts.items()}), at=NOON).usd
    assert often == (None if once is None else once * times)


@PRICED
@given(amounts=AMOUNTS, more=AMOUNTS, key=st.sampled_from(MODELS))
def test_more_never_costs_less_within_a_tier(
    book: PriceBook, amounts: dict[str, int], more: dict[str, int], key: PriceKey
) -> None:
    usage = Usage(input=1, output=1) + Usage(**amounts)
    less, most = (book.cost(key, each, at=NOON).usd for each in (usage, usage + Usage(**more)))
    assert less is not None
    assert most is not None
    assert less <= most


@PRICED
@given(counts=st.tuples(*[TOKENS] * 6), times=st.integers(min_value=2, max_value=10))
def test_a_response_that_is_as_long_again_has_as_much_in_each_bucket(counts: tuple[int, ...], times: int) -> None:
    for provider, shape in SHAPES.items():
        once = read_usage(shape(counts), provider=provider)
        often = read_usage(shape(tuple(count * times for count in counts)), provider=provider)
        assert often == Usage(**{bucket: getattr(once, bucket) * times for bucket in BUCKETS})
        assert (once.input_tokens, once.output_tokens) == (sum(counts[:4]), sum(counts[4:]))
