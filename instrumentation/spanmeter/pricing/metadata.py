"""Usage as LangChain normalises it, read into disjoint buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spanmeter.pricing.counts import Counts, count
from spanmeter.pricing.reading import read_usage
from spanmeter.pricing.usage import Usage

# langchain-openai prefixes the details of a flex or priority response with the tier
# (https://reference.langchain.com/python/langchain-openai, `_create_usage_metadata`). The bare key of the tier holds
# what is left, and has counted cache writes twice, so that the rest is taken from the totals here.
_TIERS: Final = ("", "flex_", "priority_")


def _with_tiers(**fields: str) -> dict[str, str]:
    return {tier + key: name for key, name in fields.items() for tier in _TIERS}


_INPUT_DETAILS: Final = _with_tiers(
    cache_read="cache_read",
    cache_creation="cache_write",
    ephemeral_5m_input_tokens="cache_write_5m",
    ephemeral_1h_input_tokens="cache_write_1h",
    audio="input_audio",
    image="input_image",
)
_OUTPUT_DETAILS: Final = _with_tiers(reasoning="reasoning", audio="output_audio", image="output_image")


def read_usage_metadata(usage_metadata: Mapping[str, Any], response_metadata: Mapping[str, Any]) -> Usage:
    """The disjoint buckets of LangChain's `usage_metadata`. Never raises; what contradicts itself is clamped.

    Totals include caches and reasoning, except in old langchain-aws releases, which the total gives away.
    Anthropic's web searches and iterations stand only in its own usage inside `response_metadata`, and the
    iterations are what it bills.
    """
    own = response_metadata.get("usage")
    if isinstance(own, Mapping) and isinstance(own.get("iterations"), list):
        return read_usage(own, provider="anthropic")
    return Counts(
        input=count(usage_metadata.get("input_tokens")),
        output=count(usage_metadata.get("output_tokens")),
        total=count(usage_metadata.get("total_tokens")),
        **_details(usage_metadata.get("input_token_details"), _INPUT_DETAILS),
        **_details(usage_metadata.get("output_token_details"), _OUTPUT_DETAILS),
        web_searches=_web_searches(own),
    ).disjoint([])


def _details(details: object, fields: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(details, Mapping):
        return {}
    found: dict[str, int] = {}
    for key, value in details.items():
        name, number = fields.get(key), count(value)
        if name and number:
            found[name] = number
    return found


def _web_searches(own_usage: object) -> int:
    tools = own_usage.get("server_tool_use") if isinstance(own_usage, Mapping) else None
    return (count(tools.get("web_search_requests")) or 0) if isinstance(tools, Mapping) else 0
