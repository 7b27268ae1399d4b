"""Usage that a sender keeps as an object in one attribute, where its flat attributes lack the details."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from spanmeter.pricing import Usage, read_usage, read_usage_metadata
from spanmeter.pricing.usage import BUCKETS

_LONGEST: Final = 16_384
_Said = Mapping[str, Any]
_LANGFUSE: Final = {
    "input": "input",
    "output": "output",
    "input_cache_read": "cache_read",
    "input_cached_tokens": "cache_read",
    "cache_read_input_tokens": "cache_read",
    "input_cache_creation": "cache_write_5m",
    "cache_creation_input_tokens": "cache_write_5m",
    "input_audio": "input_audio",
    "input_audio_tokens": "input_audio",
    "output_reasoning": "reasoning",
    "output_reasoning_tokens": "reasoning",
    "output_audio": "output_audio",
    "output_audio_tokens": "output_audio",
}
_MOST_TOKENS: Final = 10**12


def _provider_s(told: _Said, provider: str) -> Usage:
    return read_usage(told, provider=provider)


def _langchain_s(told: _Said, _: str) -> Usage:
    return read_usage_metadata(told, {})


def _langfuse_s(told: _Said, provider: str) -> Usage:
    """Langfuse's own buckets are disjoint; its wrappers of clients write what the provider wrote."""
    if not _is_count(told.get("input")) and not _is_count(told.get("output")):
        return read_usage(told, provider=provider)
    counts = dict.fromkeys(BUCKETS, 0)
    for name, bucket in _LANGFUSE.items():
        counts[bucket] += told[name] if _is_count(told.get(name)) else 0
    return Usage(**counts)


def _mlflow_s(told: _Said, _: str) -> Usage:
    details = {
        "cache_read": told.get("cache_read_input_tokens"),
        "cache_creation": told.get("cache_creation_input_tokens"),
    }
    return read_usage_metadata({**told, "input_token_details": details}, {})


RAW_USAGE_KEYS: Final[Mapping[str, Callable[[_Said, str], Usage]]] = {
    "gen_ai.usage.raw": _provider_s,
    "langfuse.observation.usage_details": _langfuse_s,
    "langsmith.metadata.usage_metadata": _langchain_s,
    "mlflow.chat.tokenUsage": _mlflow_s,
    "metadata.usage_object": _provider_s,
}
"""By key, how what Logfire, Langfuse, LangSmith, MLflow and LiteLLM write is read."""


def detailed(usage: Usage | None, key: str, said: str, *, provider: str) -> Usage | None:
    """The usage with the details of an object: where there is none, or where the totals agree and it says more."""
    told = _object(said)
    if not told:
        return usage
    raw = RAW_USAGE_KEYS[key](told, provider)
    if usage is None:
        return raw if raw != Usage() else None
    agrees = (raw.input_tokens, raw.output_tokens) == (usage.input_tokens, usage.output_tokens)
    return raw if agrees and len(raw.filled()) > len(usage.filled()) else usage


def _object(said: str) -> _Said:
    """A JSON object; LiteLLM writes it as Python does."""
    if len(said) > _LONGEST or not said.startswith("{"):
        return {}
    try:
        told = orjson.loads(said)
    except orjson.JSONDecodeError:
        told = _literal(said)
    return told if isinstance(told, dict) else {}


def _literal(said: str) -> object:
    try:
        return ast.literal_eval(said)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _is_count(said: object) -> bool:
    return type(said) is int and 0 <= said <= _MOST_TOKENS
