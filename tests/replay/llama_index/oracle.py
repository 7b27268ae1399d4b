"""What a recorded body says was consumed, read after the provider's own documentation and by none of our code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

Body = Mapping[str, Any]


class Told(NamedTuple):
    """Tokens: all input and how much of it came from a cache, all output and how much of it was thought."""

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0


def told(wire: str, read: list[Body]) -> Told | None:
    """What the documents of one answer say in total, None when they say nothing."""
    return _WIRES[wire](read)


def _last(read: list[Body], *path: str) -> Body | None:
    found = None
    for document in read:
        value: Any = document
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        found = value or found
    return found


def _openai(read: list[Body]) -> Told | None:
    usage = _last(read, "usage") or _last(read, "x_groq", "usage")
    if usage is None:
        return None
    asked, answered = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    cached = asked.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or 0
    apart = usage["reasoning_tokens"] if "citation_tokens" in usage else 0  # Perplexity's research bills it on top
    thought = apart or answered.get("reasoning_tokens") or 0
    return Told(usage["prompt_tokens"], (usage.get("completion_tokens") or 0) + apart, cached, thought)


def _responses(read: list[Body]) -> Told | None:
    usage = _last(read, "usage") or _last(read, "response", "usage")
    if usage is None:
        return None
    asked, answered = usage.get("input_tokens_details") or {}, usage.get("output_tokens_details") or {}
    return Told(
        usage["input_tokens"],
        usage["output_tokens"],
        asked.get("cached_tokens") or 0,
        answered.get("reasoning_tokens") or 0,
    )


def _anthropic(read: list[Body]) -> Told | None:
    usage: dict[str, Any] = {}
    for part in (_last(read, "message", "usage"), _last(read, "usage")):
        usage |= {key: value for key, value in (part or {}).items() if value is not None}
    if not usage:
        return None
    cached = usage.get("cache_read_input_tokens") or 0
    fresh = usage["input_tokens"] + (usage.get("cache_creation_input_tokens") or 0)
    thought = (usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    steps = [step for step in usage.get("iterations") or () if step]
    if len(steps) > 1 or any(step.get("type") not in (None, "message") for step in steps):
        cached = sum(step.get("cache_read_input_tokens") or 0 for step in steps)
        fresh = sum(step["input_tokens"] + (step.get("cache_creation_input_tokens") or 0) for step in steps)
        return Told(fresh + cached, sum(step["output_tokens"] for step in steps), cached)  # thoughts are not itemised
    return Told(fresh + cached, usage["output_tokens"], cached, thought)


def _gemini(read: list[Body]) -> Told | None:
    usage = _last(read, "usageMetadata")
    if usage is None:
        return None
    thought = usage.get("thoughtsTokenCount") or 0
    asked = (usage.get("promptTokenCount") or 0) + (usage.get("toolUsePromptTokenCount") or 0)
    answered = (usage.get("candidatesTokenCount") or 0) + thought
    return Told(asked, answered, usage.get("cachedContentTokenCount") or 0, thought)


def _converse(read: list[Body]) -> Told | None:
    usage = _last(read, "usage") or _last(read, "metadata", "usage")
    if usage is None:
        return None
    cached = usage.get("cacheReadInputTokens") or 0
    asked = usage["inputTokens"] + cached + (usage.get("cacheWriteInputTokens") or 0)
    return Told(asked, usage["outputTokens"], cached)


def _invoke(read: list[Body]) -> Told | None:
    metrics = _last(read, "amazon-bedrock-invocationMetrics")
    if metrics is not None:
        return Told(metrics["inputTokenCount"], metrics["outputTokenCount"])
    return _anthropic(read)


def _cohere(read: list[Body]) -> Told | None:
    paths = (("meta",), ("response", "meta"), ("usage",), ("delta", "usage"))
    meta = next((meta for path in paths if (meta := _last(read, *path))), None)
    billed = (meta or {}).get("billed_units")
    return Told(int(billed.get("input_tokens") or 0), int(billed.get("output_tokens") or 0)) if billed else None


def _ollama(read: list[Body]) -> Told | None:
    last = read[-1]
    return Told(last.get("prompt_eval_count") or 0, last.get("eval_count") or 0) if "eval_count" in last else None


def _embeddings(read: list[Body]) -> Told | None:
    usage = _last(read, "usage")
    return Told(usage.get("prompt_tokens") or usage["total_tokens"]) if usage else None


_WIRES: Final[Mapping[str, Callable[[list[Body]], Told | None]]] = {
    "chat": _openai,
    "completion": _openai,
    "responses": _responses,
    "messages": _anthropic,
    "gemini": _gemini,
    "converse": _converse,
    "invoke": _invoke,
    "cohere": _cohere,
    "ollama": _ollama,
    "embed": _embeddings,
    "embed-cohere": _cohere,
    "embed-ollama": lambda read: Told(read[-1]["prompt_eval_count"]) if "prompt_eval_count" in read[-1] else None,
}
