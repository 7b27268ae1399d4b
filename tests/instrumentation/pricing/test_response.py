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
