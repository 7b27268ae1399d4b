"""OpenAI's results and rows as lines."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from spanmeter_collector.reconcile.line import WEB_SEARCHES, Line, UnreadLineError
from spanmeter_collector.reconcile.openai import read_cost, read_usage

DAY = date(2026, 9, 1)
START = {"start_time": 1788220800, "end_time": 1788307200}


@pytest.mark.parametrize(
    ("item", "model", "component", "terms"),
    [
        ("gpt-4o-2024-08-06, input", "gpt-4o-2024-08-06", "input", ""),
        ("gpt-4o-2024-08-06, cached input", "gpt-4o-2024-08-06", "cache_read", ""),
        ("gpt-5.6-sol, cache writes", "gpt-5.6-sol", "cache_write_5m", ""),
        ("priority | gpt-5.6-sol, output, long context", "gpt-5.6-sol", "output", "priority, long context"),
        ("gpt-audio-mini-2025-12-15 audio, input", "gpt-audio-mini-2025-12-15", "input_audio", ""),
        ("gpt-image-1 text, cached input", "gpt-image-1", "cache_read", ""),
        ("gpt-image-1 image, output", "gpt-image-1", "output_image", ""),
        ("ft:gpt-4o-mini-2024-07-18:acme::A1, output", "ft:gpt-4o-mini-2024-07-18:acme::A1", "output", ""),
        ("whisper-1, audio", "whisper-1", "audio", ""),
        ("gpt-4o-mini", "gpt-4o-mini", "", ""),
        ("web search tool calls", WEB_SEARCHES, "web search tool calls", ""),
        ("Vector storage", "", "Vector storage", ""),
        (None, "", "", ""),
    ],
)
def test_a_line_item_names_model_component_and_terms(item: str | None, model: str, component: str, terms: str) -> None:
    result = {**START, "amount": {"value": Decimal("0.06"), "currency": "usd"}, "line_item": item, "quantity": 9.0}
    assert list(read_cost(result)) == [Line(DAY, model, component, Decimal(9), Decimal("0.06"), terms)]


def test_a_row_of_the_export_is_the_same() -> None:
    row = {
        "start_time": "1788220800",
        "amount_value": "0.060000",
        "amount_currency": "usd",
        "line_item": "gpt-4o, input",
    }
    assert list(read_cost(row)) == [Line(DAY, "gpt-4o", "input", None, Decimal("0.06"))]
    assert list(read_cost({**row, "amount_value": ""})) == []


def usage(**told: Any) -> list[tuple[str, int, str]]:
    lines = read_usage({**START, "model": "gpt-4o", "num_model_requests": 2, **told})
    return [(line.component, int(line.quantity or 0), line.terms) for line in lines]


def test_usage_is_split_into_disjoint_buckets() -> None:
    assert usage(
        input_tokens="1000.0",
        input_cached_tokens=300,
        input_cached_audio_tokens=50,
        input_cache_write_tokens=100,
        input_audio_tokens=200,
        output_tokens=90,
        output_audio_tokens=40,
        service_tier="flex",
        batch=False,
    ) == [
        ("requests", 2, ""),
        ("input", 400, "flex"),
        ("cache_read", 250, "flex"),
        ("cache_write_5m", 100, "flex"),
        ("input_audio", 200, "flex"),
        ("cache_read_audio", 50, "flex"),
        ("output", 50, "flex"),
        ("output_audio", 40, "flex"),
    ]


def test_embeddings_have_no_output_and_batches_are_told() -> None:
    assert usage(input_tokens=10, batch="TRUE", service_tier="default") == [("requests", 2, ""), ("input", 10, "batch")]


def test_a_day_without_requests_has_no_line() -> None:
    assert usage(num_model_requests="", input_tokens="") == []


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"input_tokens": 10, "input_cached_tokens": 11}, "the parts of input are more than their sum"),
        ({"input_tokens": -1}, "input_tokens -1 is negative"),
        ({"input_tokens": "NaN"}, "input_tokens 'NaN' is no number"),
        ({"input_tokens": 1, "start_time": "9" * 30}, "start_time '" + "9" * 30 + "' is no time"),
    ],
)
def test_contradictions_are_not_understood(told: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnreadLineError, match=f"^{reason}$"):
        usage(**told)
