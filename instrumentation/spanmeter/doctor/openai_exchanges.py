"""Answers in OpenAI's wire formats (https://platform.openai.com/docs/api-reference), which others speak too."""

from __future__ import annotations

from typing import Any, Final

from spanmeter.doctor.exchange import Exchange
from spanmeter.pricing import Usage

_MINI: Final = "gpt-4o-mini-2024-07-18"
_REASONING: Final = "o4-mini-2025-04-16"
_SMALL: Final = "text-embedding-3-small"
_TEXT: Final = "Two and two is four."


def _usage(asked: int, cached: int, said: int, thought: int = 0) -> dict[str, Any]:
    return {
        "prompt_tokens": asked,
        "completion_tokens": said,
        "total_tokens": asked + said,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": thought, "audio_tokens": 0},
    }


def completion(model: str, usage: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    """A chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": _TEXT, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {
        "id": "chatcmpl-doctor",
        "object": "chat.completion",
        "created": 1_763_800_000,
        "model": model,
        "choices": [choice],
        "usage": usage,
        "system_fingerprint": None,
        **more,
    }


def _chunk(model: str, delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    head = {"id": "chatcmpl-doctor", "object": "chat.completion.chunk", "created": 1_763_800_000, "model": model}
    return {**head, "choices": choices, "usage": None, **more}


def _response(usage: dict[str, Any]) -> dict[str, Any]:
    part = {"type": "output_text", "text": _TEXT, "annotations": []}
    message = {"id": "msg_doctor", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    return {
        "id": "resp_doctor",
        "object": "response",
        "created_at": 1_763_800_000,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": _REASONING,
        "output": [message],
        "parallel_tool_calls": True,
        "service_tier": "default",
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage,
    }


CHAT: Final = Exchange(
    "chat with cached input",
    "openai",
    _MINI,
    Usage(input=226, cache_read=1024, output=320),
    body=completion(_MINI, _usage(1250, 1024, 320), service_tier="default"),
)
CHAT_STREAM: Final = Exchange(
    "streamed chat with reasoning",
    "openai",
    _REASONING,
    Usage(input=90, output=40, reasoning=192),
    events=(
        _chunk(_REASONING, {"role": "assistant", "content": ""}),
        *(_chunk(_REASONING, {"content": word}) for word in ("Two and two", " is four.")),
        _chunk(_REASONING, {}, "stop"),
        _chunk(_REASONING, None, usage=_usage(90, 0, 232, 192)),
    ),
)
RESPONSES: Final = Exchange(
    "responses with reasoning and cached input",
    "openai",
    _REASONING,
    Usage(input=276, cache_read=1024, output=60, reasoning=128),
    api="responses",
    body=_response(
        {
            "input_tokens": 1300,
            "input_tokens_details": {"cached_tokens": 1024},
            "output_tokens": 188,
            "output_tokens_details": {"reasoning_tokens": 128},
            "total_tokens": 1488,
        }
    ),
)
EMBEDDINGS: Final = Exchange(
    "embeddings",
    "openai",
    _SMALL,
    Usage(input=2048),
    api="embeddings",
    body={
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5, 0.75]}],
        "model": _SMALL,
        "usage": {"prompt_tokens": 2048, "total_tokens": 2048},
    },
)
AZURE: Final = Exchange(
    "chat of a deployment",
    "azure.ai.openai",
    _MINI,
    Usage(input=226, cache_read=1024, output=320),
    body=completion(_MINI, _usage(1250, 1024, 320)),
)
MISTRAL: Final = Exchange(
    "chat",
    "mistral_ai",
    "mistral-small-2506",
    Usage(input=1100, output=260),
    body=completion("mistral-small-2506", {"prompt_tokens": 1100, "completion_tokens": 260, "total_tokens": 1360}),
)
GROQ: Final = Exchange(
    "chat",
    "groq",
    "llama-3.3-70b-versatile",
    Usage(input=1100, output=260),
    body=completion("llama-3.3-70b-versatile", {"prompt_tokens": 1100, "completion_tokens": 260, "total_tokens": 1360}),
)
DEEPSEEK: Final = Exchange(
    "chat with cached input",
    "deepseek",
    "deepseek-chat",
    Usage(input=300, cache_read=900, output=210),
    body=completion(
        "deepseek-chat",
        {
            "prompt_tokens": 1200,
            "completion_tokens": 210,
            "total_tokens": 1410,
            "prompt_tokens_details": {"cached_tokens": 900},
            "prompt_cache_hit_tokens": 900,
            "prompt_cache_miss_tokens": 300,
        },
    ),
)
