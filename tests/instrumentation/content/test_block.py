"""Blocks of every provider become parts of the convention."""

from __future__ import annotations

from typing import Any

import pytest

from spanmeter.content.block import parts_of, response_of
from spanmeter.content.fitting import shortened

LONG = "A" * 5000

BLOCKS: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "OpenAI's text": ({"type": "output_text", "text": "a"}, [{"type": "text", "content": "a"}]),
    "a refusal": ({"type": "refusal", "refusal": "no"}, [{"type": "text", "content": "no"}]),
    "Gemini's text": ({"text": "a"}, [{"type": "text", "content": "a"}]),
    "no text": ({"type": "text", "text": ""}, []),
    "Anthropic's thoughts": (
        {"type": "thinking", "thinking": "hm", "signature": "x"},
        [{"type": "reasoning", "content": "hm"}],
    ),
    "OpenAI's thoughts": (
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "h"}, {"text": "m"}]},
        [{"type": "reasoning", "content": "h\nm"}],
    ),
    "LangChain's thoughts": ({"type": "reasoning", "reasoning": "hm"}, [{"type": "reasoning", "content": "hm"}]),
    "Bedrock's thoughts": (
        {"type": "reasoning_content", "reasoning_content": {"text": "hm"}},
        [{"type": "reasoning", "content": "hm"}],
    ),
    "thoughts that are not shown": ({"type": "reasoning", "summary": []}, []),
    "a call of a tool": (
        {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}},
        [{"type": "tool_call", "id": "t", "name": "f", "arguments": {"x": 1}}],
    ),
    "a tool's answer": (
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "a"}]},
        [{"type": "tool_call_response", "id": "t", "response": "a"}],
    ),
    "a search of the provider's": (
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
        [
            {
                "type": "server_tool_call",
                "id": "s",
                "name": "web_search",
                "server_tool_call": {
                    "type": "server_tool_use",
                    "id": "s",
                    "name": "web_search",
                    "input": {"query": "q"},
                },
            }
        ],
    ),
    "OpenAI's search": (
        {"type": "web_search_call", "id": "s"},
        [
            {
                "type": "server_tool_call",
                "id": "s",
                "name": "web_search",
                "server_tool_call": {"type": "web_search_call", "id": "s"},
            }
        ],
    ),
    "what a search found": (
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
        [
            {
                "type": "server_tool_call_response",
                "id": "s",
                "server_tool_call_response": {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
            }
        ],
    ),
    "an image by its address": (
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        [{"type": "uri", "modality": "image", "uri": "https://x/y.png"}],
    ),
    "an image by its address alone": (
        {"type": "input_image", "image_url": "https://x/y.png"},
        [{"type": "uri", "modality": "image", "uri": "https://x/y.png"}],
    ),
    "a long image": (
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{LONG}"}},
        [{"type": "blob", "modality": "image", "mime_type": "image/png", "content": "", "size_bytes": 3750}],
    ),
    "Anthropic's image": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUE="}},
        [{"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QUE="}],
    ),
    "LangChain's image": (
        {"type": "image", "base64": LONG, "mime_type": "image/jpeg"},
        [{"type": "blob", "modality": "image", "mime_type": "image/jpeg", "content": "", "size_bytes": 3750}],
    ),
    "sound": (
        {"type": "input_audio", "input_audio": {"data": "QUE=", "format": "wav"}},
        [{"type": "blob", "modality": "audio", "mime_type": "wav", "content": "QUE="}],
    ),
    "a file": (
        {"type": "file", "file": {"file_id": "file-1"}},
        [{"type": "file", "modality": "document", "file_id": "file-1"}],
    ),
    "a file inside": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{LONG}"}},
        [{"type": "blob", "modality": "document", "mime_type": "application/pdf", "content": "", "size_bytes": 3750}],
    ),
    "Gemini's media": (
        {"type": "media", "mime_type": "video/mp4", "file_uri": "gs://x/y.mp4"},
        [{"type": "uri", "modality": "video", "mime_type": "video/mp4", "uri": "gs://x/y.mp4"}],
    ),
    "a kind of the future": (
        {"type": "hologram", "data": LONG, "depth": 3, "inside": [{"data": LONG}]},
        [
            {
                "type": "hologram",
                "data": shortened(LONG, 4096),
                "depth": 3,
                "inside": [{"data": shortened(LONG, 4096)}],
            }
        ],
    ),
}


@pytest.mark.parametrize(("block", "expected"), BLOCKS.values(), ids=BLOCKS)
def test_a_block_becomes_parts(block: Any, expected: list[dict[str, Any]]) -> None:
    assert list(parts_of([block])) == expected


def test_calls_that_stand_beside_the_content_are_not_told_twice() -> None:
    assert list(parts_of([{"type": "tool_use", "name": "f"}], calls=False)) == []


@pytest.mark.parametrize("content", [None, 7, "", [], {}.keys()])
def test_what_is_no_content_has_no_parts(content: object) -> None:
    assert list(parts_of(content)) == []


def test_an_answer_of_texts_is_one_text() -> None:
    assert response_of(["a", {"type": "text", "text": "b"}]) == "a\nb"
