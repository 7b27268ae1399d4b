"""Reads the pieces a stream comes in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from langchain_core.messages import AIMessageChunk

_TEXTS: Final = ("text", "reasoning", "thinking", "args", "partial_json", "input")
"""Where a content block or a delta of one keeps what was generated."""


def piece_of(token: object, chunk: object) -> str:
    """Return what a chunk adds to the answer where its token is no text: content blocks, reasoning, a tool's arguments.

    Empty for the chunks that open a stream or bring its usage.
    """
    if token:
        return "".join(_texts(token if isinstance(token, list) else [token]))
    message: Any = getattr(chunk, "message", None)
    if not isinstance(message, AIMessageChunk):
        return ""
    if calls := message.tool_call_chunks:
        if len(calls) == 1:  # the usual chunk of an answer that streams a tool's arguments
            return (calls[0]["name"] or "") + (calls[0]["args"] or "")
        return "".join([(call["name"] or "") + (call["args"] or "") for call in calls])
    reasoning = message.additional_kwargs.get("reasoning_content")
    return reasoning if isinstance(reasoning, str) else ""


def event_piece(event: object) -> str:
    """Return what an event of `stream_events` version 3 adds to the answer."""
    if not isinstance(event, Mapping) or event.get("event") != "content-block-delta":
        return ""
    delta = event.get("delta") or event.get("content_block")
    return "".join(_texts([delta]))


def _texts(blocks: Iterable[object]) -> Iterable[str]:
    for block in blocks:
        if isinstance(block, str):
            yield block
        elif isinstance(block, Mapping):
            yield next((text for key in _TEXTS if isinstance(text := block.get(key), str)), "")
