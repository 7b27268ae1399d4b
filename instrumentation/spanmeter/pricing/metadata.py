"""Usage as LangChain normalises it, read into disjoint buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spanmeter.pricing.counts import Counts, count
from spanmeter.pricing.dialect import no_count
from spanmeter.pricing.reading import Part, Reading, read
from spanmeter.pricing.usage import Usage

# langchain-openai prefixes the details of a flex or priority response with the tier
# (https://reference.langchain.com/python/langchain-openai, `_create_usage_metadata`). The bare key of the tier holds
# what is left, and has counted cache writes twice, so that the rest is taken from the totals here.
_TIERS: Final = ("", "flex_", "priority_")
_WHOLES: Final = {"input_tokens": "input", "output_tokens": "output", "total_tokens": "total"}


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
    """The disjoint buckets of LangChain's `usage_metadata`. Never raises; what contradicts itself is clamped."""
    return read_metadata(usage_metadata, response_metadata).usage


def read_metadata(usage_metadata: Mapping[str, Any], response_metadata: Mapping[str, Any]) -> Reading:
    """As `read_usage_metadata`, by parts and with a note for each contradiction.

    Totals include caches and reasoning, except in old langchain-aws releases, which the total gives away.
    Anthropic's web searches and iterations stand only in its own usage inside `response_metadata`, and the
    iterations are what it bills.
    """
    own = response_metadata.get("usage")
    if isinstance(own, Mapping) and isinstance(own.get("iterations"), list):
        return read(own, provider="anthropic")
    notes: list[str] = []
    found: dict[str, Any] = {}
    _collect(usage_metadata, _WHOLES, found, notes)
    _collect(usage_metadata.get("input_token_details"), _INPUT_DETAILS, found, notes)
    _collect(usage_metadata.get("output_token_details"), _OUTPUT_DETAILS, found, notes)
    usage = Counts(**found, web_searches=_web_searches(own)).disjoint(notes)
    return Reading((Part(usage),), tuple(notes))


def _collect(told: object, names: Mapping[str, str], found: dict[str, int], notes: list[str]) -> None:
    if type(told) is not dict and not isinstance(told, Mapping):  # asking the abstract class takes four times as long
        return
    for key, value in told.items():
        name = names.get(key)
        if name is None or value is None:
            continue
        number = count(value)
        if number is None:
            notes.append(no_count(key, value))
        else:
            found[name] = number


def _web_searches(own_usage: object) -> int:
    tools = own_usage.get("server_tool_use") if isinstance(own_usage, Mapping) else None
    return (count(tools.get("web_search_requests")) or 0) if isinstance(tools, Mapping) else 0
