"""Usage objects as hypothesis draws them: words of providers in their places, out of place, and anything else."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from spanmeter.pricing.dialects import (
    ANTHROPIC,
    BEDROCK,
    BEDROCK_HEADERS,
    COHERE,
    COHERE_TOKENS,
    GEMINI,
    GEMINI_PYTHON,
    INTERACTIONS,
    LLAMA_CPP,
    OPENAI,
    PERPLEXITY,
    VOYAGE,
)
from spanmeter.pricing.usage import TOKEN_BUCKETS

DIALECTS: Final = (
    ANTHROPIC,
    BEDROCK,
    BEDROCK_HEADERS,
    COHERE,
    COHERE_TOKENS,
    GEMINI,
    GEMINI_PYTHON,
    INTERACTIONS,
    LLAMA_CPP,
    OPENAI,
    PERPLEXITY,
    VOYAGE,
)
PATHS: Final = sorted({path for spoken in DIALECTS for paths in spoken.paths.values() for path in paths})
PROVIDERS: Final = st.sampled_from(
    [
        "openai",
        "azure",
        "anthropic",
        "google",
        "aws",
        "cohere",
        "x-ai",
        "perplexity",
        "groq",
        "openrouter",
        "nobody",
        "",
    ]
)
APIS: Final = st.sampled_from(["", "chat.completions", "images", "audio.transcriptions", "invoke_model(anthropic)"])
TEXT: Final = "019.-+e aZé_"
NUMBERS: Final = st.one_of(
    st.integers(min_value=0, max_value=5000),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.decimals(),
    st.text(TEXT, max_size=8),
    st.sampled_from(["12", "1.5", "-3", "1e400", "low", 10**400, -(10**400), b"7"]),
)
JSON: Final = st.recursive(
    NUMBERS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(TEXT, max_size=6), inner, max_size=3)
)
AROUND: Final = ("iterations", "usage_breakdown", "models", "model", "type", "usage", "search_context_size", "modality")
KEYS: Final = st.sampled_from(
    [*sorted({step for path in PATHS for step in path if "=" not in step and step != "*"}), *AROUND]
)
# Words of providers in any place, with anything in them.
JUNK: Final = st.recursive(
    NUMBERS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=10
)
MIXED: Final = st.dictionaries(KEYS, JUNK, max_size=6)
# Whatever stands where an object with the counts is looked for.
AROUND_NOTHING: Final = JSON | st.dictionaries(
    st.sampled_from(["usage", "meta", "response", "timings"]), JSON, max_size=2
)
# Words of providers in their own places.
TOLD: Final = st.lists(st.tuples(st.sampled_from(PATHS), NUMBERS | JSON), max_size=10)
TOKENS: Final = st.integers(min_value=0, max_value=1500)  # of which twelve buckets stay below every threshold
AMOUNTS: Final = st.fixed_dictionaries(dict.fromkeys(TOKEN_BUCKETS, TOKENS))


def payload_of(told: list[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    """The usage object in which the values stand at the ends of their paths."""
    payload: dict[str, Any] = {}
    for path, value in told:
        here: Any = payload
        for step, after in zip(path, (*path[1:], ""), strict=True):
            here = _into(here, step.removesuffix("+"), after, value)
            if here is None:
                break
    return payload


def _into(here: Any, step: str, after: str, value: object) -> Any:
    """One step of a path down into a payload that is being made; None at its end."""
    if isinstance(here, list):
        field, _, word = step.partition("=")
        here.append({field: word} if field and word else word or {})
        return here[-1] if isinstance(here[-1], dict) else None
    if not after:
        here[step] = value
        return None
    inside: Any = [] if "=" in after or after == "*" else {}
    found = here.setdefault(step, inside)
    return found if type(found) is type(inside) else None


def _chat(counts: tuple[int, ...]) -> dict[str, Any]:
    fresh, read, written, audio, shown, thought = counts
    tokens_in, tokens_out = fresh + read + written + audio, shown + thought
    return {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written, "audio_tokens": audio},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }


def _messages(counts: tuple[int, ...]) -> dict[str, Any]:
    fresh, read, short, long, shown, thought = counts
    return {
        "input_tokens": fresh,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": short + long,
        "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
        "output_tokens": shown + thought,
        "output_tokens_details": {"thinking_tokens": thought},
    }


def _content(counts: tuple[int, ...]) -> dict[str, Any]:
    fresh, read, image, audio, shown, thought = counts
    return {
        "promptTokenCount": fresh + read + image + audio,
        "cachedContentTokenCount": read,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": fresh + read},
            {"modality": "IMAGE", "tokenCount": image},
            {"modality": "AUDIO", "tokenCount": audio},
        ],
        "candidatesTokenCount": shown,
        "thoughtsTokenCount": thought,
        "totalTokenCount": fresh + read + image + audio + shown + thought,
    }


def _converse(counts: tuple[int, ...]) -> dict[str, Any]:
    fresh, read, short, long, shown, more = counts
    return {
        "inputTokens": fresh,
        "outputTokens": shown + more,
        "totalTokens": fresh + read + short + long + shown + more,
        "cacheReadInputTokens": read,
        "cacheWriteInputTokens": short + long,
        "cacheDetails": [{"ttl": "5m", "inputTokens": short}, {"ttl": "1h", "inputTokens": long}],
    }


SHAPES: Final = {"openai": _chat, "anthropic": _messages, "gcp.gemini": _content, "aws.bedrock": _converse}
