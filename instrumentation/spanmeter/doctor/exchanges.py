"""Answers in the wire formats of providers that do not speak OpenAI's."""

from __future__ import annotations

from typing import Any, Final

from spanmeter.doctor.exchange import Exchange
from spanmeter.pricing import Usage

_SONNET: Final = "claude-sonnet-4-20250514"
_HAIKU: Final = "claude-3-5-haiku-20241022"
_TEXT: Final = "Two and two is four."


def _message(model: str, content: list[dict[str, Any]], usage: dict[str, Any], stop: str | None) -> dict[str, Any]:
    return {
        "id": "msg_doctor",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage,
    }


# https://docs.claude.com/en/api/messages: input_tokens are those neither read from nor written to a cache.
ANTHROPIC: Final = Exchange(
    "message that reads and writes the cache",
    "anthropic",
    _SONNET,
    Usage(input=31, cache_read=2048, cache_write_5m=512, cache_write_1h=256, output=180),
    body=_message(
        _SONNET,
        [{"type": "text", "text": _TEXT}],
        {
            "input_tokens": 31,
            "cache_creation_input_tokens": 768,
            "cache_read_input_tokens": 2048,
            "cache_creation": {"ephemeral_5m_input_tokens": 512, "ephemeral_1h_input_tokens": 256},
            "output_tokens": 180,
            "service_tier": "standard",
        },
        "end_turn",
    ),
)
# https://docs.claude.com/en/docs/build-with-claude/streaming: the counts of message_delta are cumulative.
ANTHROPIC_STREAM: Final = Exchange(
    "streamed message",
    "anthropic",
    _HAIKU,
    Usage(input=420, output=96),
    events=(
        {
            "type": "message_start",
            "message": _message(
                _HAIKU,
                [],
                {
                    "input_tokens": 420,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0,
                    "output_tokens": 3,
                },
                None,
            ),
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Two and two"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " is four."}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 96},
        },
        {"type": "message_stop"},
    ),
    done=False,
)
# https://ai.google.dev/api/generate-content#UsageMetadata: thoughts are not among the candidates' tokens.
GEMINI: Final = Exchange(
    "generated content with thoughts and cached input",
    "gcp.gemini",
    "gemini-2.5-flash",
    Usage(input=800, cache_read=1200, output=150, reasoning=90),
    body={
        "candidates": [
            {
                "content": {"parts": [{"text": _TEXT}], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 2000,
            "cachedContentTokenCount": 1200,
            "candidatesTokenCount": 150,
            "thoughtsTokenCount": 90,
            "totalTokenCount": 2240,
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "doctor",
    },
)
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html: inputTokens without the cache.
BEDROCK: Final = Exchange(
    "converse with cached input",
    "aws.bedrock",
    "us.anthropic.claude-sonnet-4-20250514-v1:0",
    Usage(input=40, cache_read=2000, output=120),
    body={
        "output": {"message": {"role": "assistant", "content": [{"text": _TEXT}]}},
        "stopReason": "end_turn",
        "usage": {
            "inputTokens": 40,
            "cacheReadInputTokens": 2000,
            "cacheWriteInputTokens": 0,
            "outputTokens": 120,
            "totalTokens": 2160,
        },
        "metrics": {"latencyMs": 900},
    },
)
