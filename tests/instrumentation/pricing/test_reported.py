from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spanmeter.pricing import read_reported_usd, read_service_tier
from spanmeter.pricing.reported import read_region

COSTS: dict[str, tuple[dict[str, Any], Decimal | None]] = {
    "openrouter": ({"cost": 0.00123, "is_byok": False}, Decimal("0.00123")),
    "openrouter-exponent": ({"cost": 4e-05, "cost_details": {}}, Decimal("0.00004")),
    "openrouter-free": ({"cost": 0, "is_byok": False}, Decimal(0)),
    "openrouter-own-key": (
        {"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}},
        Decimal("0.21"),
    ),
    "openrouter-own-key-without-upstream": ({"cost": 0, "is_byok": True, "cost_details": "?"}, None),
    "openrouter-own-key-untold": ({"cost": 0, "cost_details": {"upstream_inference_cost": 0.2}}, Decimal("0.2")),
    "openrouter-gift": ({"cost": 0, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.2}}, Decimal(0)),
    "openrouter-own-key-by-halves": (
        {
            "cost": 0.01,
            "is_byok": True,
            "cost_details": {
                "upstream_inference_cost": None,
                "upstream_inference_prompt_cost": 0.05,
                "upstream_inference_completions_cost": 0.1,
            },
        },
        Decimal("0.16"),
    ),
    "xai-ticks": ({"cost_in_usd_ticks": "77397500"}, Decimal("0.00773975")),
    "perplexity": ({"cost": {"input_tokens_cost": 0.1, "total_cost": 0.5}}, Decimal("0.5")),
    "a-cost-of-unknown-currency": ({"cost": 1.5}, None),
    "negative": ({"cost": -1, "is_byok": False}, None),
    "not-finite": ({"cost": float("nan"), "is_byok": False}, None),
    "beyond-any-bill": ({"cost_in_usd_ticks": 10**5000}, None),
    "text": ({"cost": "free", "is_byok": False}, None),
    "none": ({"prompt_tokens": 3}, None),
}


@pytest.mark.parametrize(("payload", "expected"), COSTS.values(), ids=COSTS)
def test_reads_what_the_provider_says_it_cost(payload: dict[str, Any], expected: Decimal | None) -> None:
    assert read_reported_usd(payload) == expected


TIERS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "response-before-request": ([{"service_tier": "default"}, {"service_tier": "priority"}], ""),
    "request-when-the-response-is-silent": ([{}, {"service_tier": "flex"}], "flex"),
    "auto-decides-nothing": ([{"service_tier": "auto"}, {"service_tier": "priority"}], "priority"),
    "gemini": ([{"serviceTier": "Standard"}], ""),
    "vertex": ([{"trafficType": "ON_DEMAND_FLEX"}], "flex"),
    "vertex-standard": ([{"trafficType": "ON_DEMAND"}, {"service_tier": "flex"}], ""),
    "batch": ([{"batch": True}], "batch"),
    "fast": ([{"speed": "fast", "service_tier": "standard"}], "fast"),
    "fast-mode-that-was-asked-for": ([{"service_tier": "standard"}, {"speed": "fast"}], "fast"),
    "fast-mode-that-was-not-given": ([{"speed": "standard"}, {"speed": "fast"}], ""),
    "batch-beside-a-default": ([{"service_tier": "default"}, {"processing": "batch"}], "batch"),
    "bedrock": ([{"serviceTier": {"type": "flex"}}], "flex"),
    "vertex-priority": ([{"trafficType": "ON_DEMAND_PRIORITY"}], "priority"),
    "nonsense": ([{"service_tier": 3, "speed": [], "batch": "yes"}], ""),
}


@pytest.mark.parametrize(("sources", "expected"), TIERS.values(), ids=TIERS)
def test_reads_the_service_tier(sources: list[dict[str, Any]], expected: str) -> None:
    assert read_service_tier(*sources) == expected


REGIONS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "us": ([{"inference_geo": "us"}], "us"),
    "global-then-request": ([{"inference_geo": "global"}, {"region": "EU"}], "eu"),
    "vertex": ([{"location": "europe-west1"}], "europe-west1"),
    "azure": ([{"deployment_type": "Data_Zone"}], "data_zone"),
    "azure-anywhere": ([{"deployment_type": "GlobalStandard"}], ""),
    "not-available": ([{"inference_geo": "not_available"}], ""),
    "nonsense": ([{"region": 7, "location": None}], ""),
    "none": ([{}], ""),
}


@pytest.mark.parametrize(("sources", "expected"), REGIONS.values(), ids=REGIONS)
def test_reads_the_region(sources: list[dict[str, Any]], expected: str) -> None:
    assert read_region(*sources) == expected
