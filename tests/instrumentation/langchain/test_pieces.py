"""What a piece of a stream adds to the answer."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, GenerationChunk

from spanmeter.langchain.pieces import event_piece, piece_of


def chunk(**given: Any) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(content="", **given))


NAMED = tool_call_chunk(name="search", args="", id="call_1", index=0)
ARGUMENTS = tool_call_chunk(name=None, args='{"text"', id=None, index=0)

PIECES: dict[str, tuple[Any, Any, str]] = {
    "text": ("word", chunk(), "word"),
    "blocks of text": ([{"type": "text", "text": "a"}, "b", {"type": "image"}, 7], chunk(), "ab"),
    "thinking": ([{"type": "thinking", "thinking": "hm"}], chunk(), "hm"),
    "a tool's arguments as blocks": ([{"type": "input_json_delta", "partial_json": "{"}], chunk(), "{"),
    "a tool's name": ("", chunk(tool_call_chunks=[NAMED]), "search"),
    "a tool's arguments": ("", chunk(tool_call_chunks=[ARGUMENTS]), '{"text"'),
    "two tools": ("", chunk(tool_call_chunks=[NAMED, ARGUMENTS]), 'search{"text"'),
    "reasoning": ("", chunk(additional_kwargs={"reasoning_content": "because"}), "because"),
    "the end": ("", chunk(), ""),
    "a completion": ("", GenerationChunk(text=""), ""),
    "no chunk": ("", None, ""),
    "an odd token": (7, None, ""),
}


@pytest.mark.parametrize(("token", "given", "piece"), PIECES.values(), ids=PIECES)
def test_a_chunk_adds_what_was_generated(token: Any, given: Any, piece: str) -> None:
    assert piece_of(token, given) == piece


def delta(**said: Any) -> dict[str, Any]:
    return {"event": "content-block-delta", "index": 0, **said}


EVENTS: dict[str, tuple[Any, str]] = {
    "text": (delta(delta={"type": "text-delta", "text": "word"}), "word"),
    "reasoning": (delta(delta={"type": "reasoning-delta", "reasoning": "hm"}), "hm"),
    "arguments": (delta(delta={"type": "tool-call-delta", "args": "{"}), "{"),
    "an older block": (delta(content_block={"type": "text", "text": "word"}), "word"),
    "an empty delta": (delta(), ""),
    "the whole at the end": ({"event": "content-block-finish", "content": {"type": "text", "text": "word"}}, ""),
    "no event": (None, ""),
}


@pytest.mark.parametrize(("event", "piece"), EVENTS.values(), ids=EVENTS)
def test_an_event_adds_what_was_generated(event: Any, piece: str) -> None:
    assert event_piece(event) == piece
