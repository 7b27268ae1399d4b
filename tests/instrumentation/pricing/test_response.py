from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.instrumentation.pricing.case import Case, cases

from spanmeter.pricing import Part, PriceBook, PriceKey, Usage
from spanmeter.pricing.response import Response, price

CASES = list(cases())

AT = datetime(2026, 6, 1, tzinfo=UTC)


def _response(usage: dict[str, Any], provider: str = "anthropic", model: str = "claude-sonnet-4-6") -> Response:
    return Response(provider=provider, model=model, usage=usage, at=AT)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bills_what_the_provider_bills(book: PriceBook, case: Case) -> None:
    bill = price(book, case.response)
    assert (bill.usage, bill.cost.usd, bill.cost.grade) == (case.buckets, case.usd, case.grade)
    assert bill.notes == case.notes


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_arithmetic_of_a_case_comes_to_its_cost(case: Case) -> None:
    assert case.worked_out == case.usd


def test_the_response_decides_the_tier_before_the_request() -> None:
    response = Response(
        provider="openai",
        model="gpt-5",
        usage={},
        at=AT,
        request_context={"service_tier": "priority", "inference_geo": "us"},
        response_extra={"service_tier": "default"},
    )
    assert response.key == PriceKey("openai", "gpt-5", "", "", "us")


def test_each_iteration_is_priced_at_its_own_model(book: PriceBook) -> None:
    usage = {
        "input_tokens": 100,
        "output_tokens": 10,
        "iterations": [
            {"type": "message", "input_tokens": 100, "output_tokens": 10},
            {"type": "advisor_message", "model": "claude-opus-4-6", "input_tokens": 1000, "output_tokens": 0},
        ],
    }
    bill = price(book, _response(usage))
    assert [line.usd_per_mtok for line in bill.cost.components] == [3, 15, 5]
    assert bill.cost.usd == Decimal("0.0003") + Decimal("0.00015") + Decimal("0.005")


def test_an_unknown_advisor_makes_the_cost_unknown(book: PriceBook) -> None:
    usage = {
        "input_tokens": 100,
        "output_tokens": 10,
        "iterations": [{"input_tokens": 100, "output_tokens": 10}, {"model": "claude-next", "input_tokens": 1}],
    }
    cost = price(book, _response(usage)).cost
    assert (cost.usd, cost.grade) == (None, "unpriced")


@pytest.mark.parametrize(
    ("provider", "usage"),
    [
        ("openrouter", {"prompt_tokens": 5, "cost": 0.25}),
        ("x_ai", {"prompt_tokens": 5, "cost_in_usd_ticks": 2_500_000_000}),
    ],
)
def test_what_the_provider_reports_is_the_cost(book: PriceBook, provider: str, usage: dict[str, Any]) -> None:
    bill = price(book, _response(usage, provider=provider, model="whatever"))
    assert (bill.cost.usd, bill.cost.grade, bill.usage.input) == (Decimal("0.25"), "reported", 5)


def test_rounds_of_a_search_that_is_told_beside_the_usage_are_not_one_long_input(book: PriceBook) -> None:
    response = Response(
        provider="openai",
        model="gpt-5.4",
        usage={"input_tokens": 300_000, "output_tokens": 0, "total_tokens": 300_000},
        at=AT,
        response_extra={"tool_usage": {"web_search": {"num_requests": 1}}},
    )
    assert [line.usd_per_mtok or line.usd_per_unit for line in price(book, response).cost.components] == [
        Decimal("2.5"),
        Decimal("0.01"),
    ]


def test_tools_of_a_system_of_models_are_a_part_of_their_own() -> None:
    answered = {"prompt_tokens": 3, "completion_tokens": 1}
    response = Response(
        provider="groq",
        model="groq/compound",
        usage=answered,
        at=AT,
        response_extra={"usage_breakdown": {"models": [{"model": "a", "usage": answered}] * 2}, "web_search_calls": 1},
    )
    each = Part(Usage(input=3, output=1), "a")
    assert response.reading.parts == (each, each, Part(Usage(web_searches=1)))


@pytest.mark.parametrize("hint", ["base_model", "deployment_model", "model", "requested_model"])
def test_a_deployment_is_priced_as_the_model_that_the_request_names(book: PriceBook, hint: str) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    request = {hint: "gpt-4.1"}
    response = Response(provider="azure", model="mine", usage=usage, at=AT, request_context=request)
    assert price(book, response).cost.usd == Decimal("0.00028")


def test_a_model_with_a_price_is_not_priced_as_the_one_that_was_asked_for(book: PriceBook) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    response = Response(provider="azure", model="gpt-4.1", usage=usage, at=AT, request_context={"model": "gpt-5"})
    assert price(book, response).cost.usd == Decimal("0.00028")


def test_neither_model_has_a_price(book: PriceBook) -> None:
    response = Response(
        provider="azure", model="mine", usage={"prompt_tokens": 1}, at=AT, response_extra={"model": "x"}
    )
    assert price(book, response).cost.reason == "no price for model 'mine' of provider 'azure'"


def test_usage_in_langchains_words_is_read(book: PriceBook) -> None:
    usage = {
        "input_tokens": 3,
        "output_tokens": 100,
        "total_tokens": 13256,
        "input_token_details": {"cache_creation": 12000, "cache_read": 1153},
    }
    model = "anthropic.claude-3-5-sonnet-20240620-v1:0"
    bill = price(book, Response(provider="aws-bedrock", api="converse", model=model, usage=usage, at=AT))
    assert bill.usage == Usage(input=3, cache_write_5m=12000, cache_read=1153, output=100)
    assert bill.cost.usd == Decimal("0.0468549")


@pytest.mark.parametrize("beside", [{"is_byok": True}, {"byok": True}])
def test_a_cost_may_stand_beside_the_usage(book: PriceBook, beside: dict[str, Any]) -> None:
    said = {"cost": 0.0005, "cost_details": {"upstream_inference_cost": 0.0015}, **beside}
    response = Response(
        provider="openrouter", model="openai/gpt-5", usage={"prompt_tokens": 5}, at=AT, response_extra=said
    )
    assert (price(book, response).cost.usd, price(book, response).cost.grade) == (Decimal("0.002"), "reported")
