"""Anthropic's results and rows as lines."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from spanmeter_collector.reconcile.anthropic import read_cost, read_cost_row, read_usage, read_usage_row
from spanmeter_collector.reconcile.line import WEB_SEARCHES, Line, UnreadLineError

DAY = date(2026, 9, 9)
START = {"starting_at": "2026-09-09T00:00:00Z", "ending_at": "2026-09-10T00:00:00Z"}
MODEL = "claude-sonnet-4-5-20250929"


def test_a_usage_result_tells_cache_writes_by_lifetime_and_searches_apart() -> None:
    result: dict[str, Any] = {
        "uncached_input_tokens": 1500,
        "cache_creation": {"ephemeral_1h_input_tokens": 1000, "ephemeral_5m_input_tokens": 500},
        "cache_read_input_tokens": 200,
        "output_tokens": 600,
        "server_tool_use": {"web_search_requests": 10},
        "model": MODEL,
        "service_tier": "batch",
        "context_window": "200k-1M",
    }
    assert list(read_usage({**START, **result})) == [
        Line(DAY, MODEL, "input", Decimal(1500), terms="batch, long context"),
        Line(DAY, MODEL, "cache_read", Decimal(200), terms="batch, long context"),
        Line(DAY, MODEL, "cache_write_5m", Decimal(500), terms="batch, long context"),
        Line(DAY, MODEL, "cache_write_1h", Decimal(1000), terms="batch, long context"),
        Line(DAY, MODEL, "output", Decimal(600), terms="batch, long context"),
        Line(DAY, WEB_SEARCHES, "web_searches", Decimal(10)),
    ]


def test_a_row_of_the_usage_export() -> None:
    row = {
        "usage_date_utc": "2026-09-09 13:00",
        "model_version": MODEL,
        "usage_type": "message",
        "context_window": "≤ 200k",
        "usage_input_tokens_no_cache": "15",
        "usage_input_tokens_cache_write_5m": "0",
        "usage_input_tokens_cache_read": "",
        "usage_output_tokens": "6",
        "web_search_count": "1",
        "inference_geo": "us",
    }
    assert list(read_usage_row(row)) == [
        Line(DAY, MODEL, "input", Decimal(15), terms="us"),
        Line(DAY, MODEL, "output", Decimal(6), terms="us"),
        Line(DAY, WEB_SEARCHES, "web_searches", Decimal(1)),
    ]


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (
            {"model": MODEL, "cost_type": "tokens", "token_type": "cache_creation.ephemeral_1h_input_tokens"},
            Line(DAY, MODEL, "cache_write_1h", usd=Decimal("1.2345")),
        ),
        ({"cost_type": "web_search"}, Line(DAY, WEB_SEARCHES, "web_search", usd=Decimal("1.2345"))),
        ({"cost_type": "code_execution"}, Line(DAY, "", "code_execution", usd=Decimal("1.2345"))),
        ({"description": "Credits"}, Line(DAY, "", "Credits", usd=Decimal("1.2345"))),
        ({}, Line(DAY, "", "", usd=Decimal("1.2345"))),
    ],
)
def test_a_cost_result_is_in_cents(told: dict[str, str], line: Line) -> None:
    assert list(read_cost({**START, "amount": "123.45", "currency": "USD", **told})) == [line]


def test_a_row_of_the_cost_export_is_in_dollars() -> None:
    row = {
        "usage_date_utc": "2026-09-09",
        "model": "Claude Sonnet 4.5",
        "usage_type": "batch",
        "token_type": "input_cache_read",
        "cost_usd": "0.10",
        "cost_type": "token",
    }
    assert list(read_cost_row(row)) == [
        Line(DAY, "Claude Sonnet 4.5", "cache_read", usd=Decimal("0.10"), terms="batch")
    ]


def test_another_currency_is_not_understood() -> None:
    with pytest.raises(UnreadLineError, match=r"^the amount is in EUR, and the ledger is in US dollars$"):
        list(read_cost({**START, "amount": "1", "currency": "EUR"}))
