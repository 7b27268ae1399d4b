from __future__ import annotations

from typing import Any

import pytest

from spanmeter.pricing import Usage, read_usage_metadata

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], Usage]] = {
    "plain": (
        {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14},
        {},
        Usage(input=10, output=4),
    ),
    "openai": (
        {
            "input_tokens": 1000,
            "output_tokens": 200,
            "total_tokens": 1200,
            "input_token_details": {"cache_read": 600, "audio": 50},
            "output_token_details": {"reasoning": 128, "audio": 20},
        },
        {"model_provider": "openai"},
        Usage(input=350, cache_read=600, input_audio=50, output=52, reasoning=128, output_audio=20),
    ),
    "anthropic-lifetimes-with-cache-creation-zero": (
        {
            "input_tokens": 5100,
            "output_tokens": 10,
            "total_tokens": 5110,
            "input_token_details": {
                "cache_read": 2000,
                "cache_creation": 0,
                "ephemeral_5m_input_tokens": 1000,
                "ephemeral_1h_input_tokens": 2000,
            },
        },
        {"usage": {"server_tool_use": {"web_search_requests": 3}}},
        Usage(input=100, cache_read=2000, cache_write_5m=1000, cache_write_1h=2000, output=10, web_searches=3),
    ),
    "anthropic-without-lifetimes": (
        {
            "input_tokens": 110,
            "output_tokens": 1,
            "total_tokens": 111,
            "input_token_details": {"cache_read": 0, "cache_creation": 100},
        },
        {},
        Usage(input=10, cache_write_5m=100, output=1),
    ),
    "flex": (
        {
            "input_tokens": 1000,
            "output_tokens": 300,
            "total_tokens": 1300,
            "input_token_details": {"flex_cache_read": 400, "flex": 600},
            "output_token_details": {"flex_reasoning": 100, "flex": 200},
        },
        {"service_tier": "flex"},
        Usage(input=600, cache_read=400, output=200, reasoning=100),
    ),
    "priority-with-writes-counted-twice": (
        {
            "input_tokens": 1000,
            "output_tokens": 1,
            "total_tokens": 1001,
            "input_token_details": {"priority_cache_read": 400, "priority_cache_creation": 100, "priority": 600},
        },
        {"service_tier": "priority"},
        Usage(input=500, cache_read=400, cache_write_5m=100, output=1),
    ),
    "old-aws-leaves-cache-out": (
        {
            "input_tokens": 3,
            "output_tokens": 250,
            "total_tokens": 13253,
            "input_token_details": {"cache_read": 12000, "cache_creation": 1000},
        },
        {},
        Usage(input=3, cache_read=12000, cache_write_5m=1000, output=250),
    ),
    "cache-beyond-input-without-total": (
        {"input_tokens": 3, "output_tokens": 1, "input_token_details": {"cache_read": 50}},
        {},
        Usage(input=3, cache_read=50, output=1),
    ),
    "anthropic-compaction": (
        {"input_tokens": 200, "output_tokens": 5, "total_tokens": 205},
        {
            "usage": {
                "input_tokens": 200,
                "output_tokens": 5,
                "iterations": [
                    {"type": "compaction", "input_tokens": 9000, "output_tokens": 100},
                    {"type": "message", "input_tokens": 200, "output_tokens": 5},
                ],
            }
        },
        Usage(input=9200, output=105),
    ),
    "nothing": ({}, {}, Usage()),
    "nonsense": (
        {
            "input_tokens": "many",
            "output_tokens": -1,
            "input_token_details": 7,
            "output_token_details": {"audio": None},
        },
        {"usage": "x"},
        Usage(),
    ),
}


@pytest.mark.parametrize(("usage", "response", "expected"), CASES.values(), ids=CASES)
def test_reads_langchain_usage(usage: dict[str, Any], response: dict[str, Any], expected: Usage) -> None:
    assert read_usage_metadata(usage, response) == expected
