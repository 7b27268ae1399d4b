"""Usage as a provider or a framework reported it, read into disjoint buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanmeter.pricing.usage import Usage


def read_usage(payload: Mapping[str, Any], *, provider: str, api: str = "") -> Usage:
    """The disjoint buckets of a provider's raw usage object. Never raises; what contradicts itself is clamped."""
    details = payload.get("prompt_tokens_details") or {}
    cached = details.get("cached_tokens") or 0
    reasoning = (payload.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    output = payload.get("completion_tokens") or payload.get("output_tokens") or 0
    given = payload.get("prompt_tokens") or payload.get("input_tokens") or 0
    return Usage(input=given - cached, cache_read=cached, output=output - reasoning, reasoning=reasoning)


def read_usage_metadata(usage_metadata: Mapping[str, Any], response_metadata: Mapping[str, Any]) -> Usage:
    """The disjoint buckets of LangChain's `usage_metadata`. Never raises; what contradicts itself is clamped."""
    cached = (usage_metadata.get("input_token_details") or {}).get("cache_read") or 0
    reasoning = (usage_metadata.get("output_token_details") or {}).get("reasoning") or 0
    given, output = usage_metadata.get("input_tokens") or 0, usage_metadata.get("output_tokens") or 0
    return Usage(input=given - cached, cache_read=cached, output=output - reasoning, reasoning=reasoning)
