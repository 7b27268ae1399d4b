"""Usage as LangChain normalises it, read into disjoint buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spanmeter.pricing.counts import LARGEST, Counts, count
from spanmeter.pricing.dialect import no_count
from spanmeter.pricing.dialects import OPENAI
from spanmeter.pricing.reading import Part, Reading, count_search, read
from spanmeter.pricing.usage import Usage

# langchain-openai prefixes the details of a flex or priority response with the tier
# (https://reference.langchain.com/python/langchain-openai, `_create_usage_metadata`). The bare key of the tier holds
# what is left, and has counted cache writes twice, so that the rest is taken from the totals here.
_TIERS: Final = ("", "flex_", "priority_", "fast_", "batch_", "scale_")
_WHOLES: Final = {"input_tokens": "input", "output_tokens": "output", "total_tokens": "total"}
_SUMMED: Final = frozenset(_WHOLES.values())
_PLAIN: Final = _SUMMED | {"cache_read", "cache_write", "reasoning"}
_NO_UNITS: Final[Mapping[str, int]] = {}
# Tools that a provider ran, in the metadata of a response or in the provider's own usage inside of it.
_TOOLS: Final = frozenset(
    {
        "num_search_queries",
        "num_sources_used",
        "server_side_tool_usage",
        "server_side_tool_usage_details",
        "server_side_tools_used",
        "server_tool_use",
        "server_tool_use_details",
        "tool_usage",
    }
)


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
_OUTPUT_DETAILS: Final = _with_tiers(
    reasoning="reasoning", audio="output_audio", image="output_image", citation_tokens="citation_tokens"
)


def is_metadata(usage: Mapping[str, Any]) -> bool:
    """Whether a usage object is LangChain's: OpenAI's realtime API has details of the same name with other words."""
    details = ((usage.get("input_token_details"), _INPUT_DETAILS), (usage.get("output_token_details"), _OUTPUT_DETAILS))
    return any(isinstance(told, Mapping) and not words.keys().isdisjoint(told) for told, words in details)


def read_usage_metadata(usage_metadata: Mapping[str, Any], response_metadata: Mapping[str, Any]) -> Usage:
    """The disjoint buckets of LangChain's `usage_metadata`. Never raises; what contradicts itself is clamped."""
    return read_metadata(usage_metadata, response_metadata).usage


def read_metadata(usage_metadata: Mapping[str, Any], response_metadata: Mapping[str, Any]) -> Reading:
    """As `read_usage_metadata`, by parts and with a note for each contradiction.

    Totals include caches and reasoning, except in old langchain-aws releases, which the total gives away, and in
    answers of its InvokeModel. Anthropic's iterations, which are what it bills, and the searches of every provider
    stand only in the provider's own usage inside `response_metadata`.
    """
    own = response_metadata.get("usage")
    if own and isinstance(own, Mapping):
        if isinstance(own.get("iterations"), list):
            return read(own, provider="anthropic")
        if own.get("cache_write_input_tokens"):
            return read(own, provider="aws")
    notes: list[str] = []
    found: dict[str, Any] = {}
    _collect(usage_metadata, _WHOLES, found, notes)
    _collect(usage_metadata.get("input_token_details"), _INPUT_DETAILS, found, notes)
    _collect(usage_metadata.get("output_token_details"), _OUTPUT_DETAILS, found, notes)
    units = _units(found, response_metadata, own, notes)
    habits = _habits(found, response_metadata)
    usage = None if units or habits else _plain(found)
    if usage is None:
        usage = Counts(**found, units=units, **habits).disjoint(notes)
    size = response_metadata.get("search_context_size")
    if isinstance(size, str):
        count_search(usage, size)
    return Reading((Part(usage),), tuple(notes))


def _plain(found: dict[str, int]) -> Usage | None:
    """What most answers tell, text that adds up, as `Counts.disjoint` reads it; it takes a third of the time."""
    if not _PLAIN.issuperset(found) or not _SUMMED.issubset(found):
        return None
    tokens_in, tokens_out = found["input"], found["output"]
    cached, written, reasoned = found.get("cache_read", 0), found.get("cache_write", 0), found.get("reasoning", 0)
    fresh, shown = tokens_in - cached - written, tokens_out - reasoned
    if fresh < 0 or shown < 0 or tokens_in + tokens_out != found["total"]:
        return None
    return Usage(fresh, cached, written, output=shown, reasoning=reasoned)


def _collect(told: object, names: Mapping[str, str], found: dict[str, int], notes: list[str]) -> None:
    if type(told) is not dict and not isinstance(told, Mapping):  # asking the abstract class takes four times as long
        return
    for key, value in told.items():
        name = names.get(key)
        if name is None or value is None:
            continue
        number = value if type(value) is int and 0 <= value <= LARGEST else count(value)
        if number is None:
            notes.append(no_count(key, value))
        else:
            found[name] = number


def _units(found: dict[str, Any], said: Mapping[str, Any], own: object, notes: list[str]) -> Mapping[str, int]:
    """Searches and other fees; Perplexity's research reasons apart from its output and bills what it cites."""
    units = _NO_UNITS
    for told in (said, own, said.get("token_usage")):
        if told and isinstance(told, Mapping) and not _TOOLS.isdisjoint(told):
            units = {**units, **(OPENAI.counts(told, notes).units or {})}
    if "citation_tokens" in found:
        found["reasoning_apart"] = found.pop("reasoning", 0)
        units = {**units, "citation_tokens": found.pop("citation_tokens")}
    return units


def _habits(found: dict[str, Any], said: Mapping[str, Any]) -> dict[str, bool]:
    """How clients count otherwise than LangChain says they should.

    The InvokeModel of langchain-aws leaves caches out of its input and its streams out of the total too; older
    clients of Google tell thoughts in the total alone.
    """
    if said.get("model_provider") == "bedrock":
        found.pop("total", None)
        return {"input_includes_cache": False}
    model = said.get("model_name")
    return {"surplus_is_reasoning": True} if isinstance(model, str) and "gemini" in model else {}
