from __future__ import annotations

from typing import Any

import pytest

from spanmeter_rag.provider.models import MODELS
from spanmeter_rag.provider.request import (
    BadRequestError,
    ChatRequest,
    EmbeddingsRequest,
    read_body,
    read_chat,
    read_embeddings,
    text_of,
)

USER = {"role": "user", "content": "Hello"}
TOOL = {"type": "function", "function": {"name": "search"}}


def test_a_chat_request_is_read_whole() -> None:
    body = {
        "model": "gpt-4o",
        "messages": [USER],
        "tools": [TOOL],
        "n": 2,
        "max_completion_tokens": 9,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert read_chat(body) == ChatRequest(MODELS["gpt-4o"], (USER,), (TOOL,), 2, 9, stream=True, include_usage=True)


def test_tools_that_may_not_be_called_are_left_out() -> None:
    assert read_chat({"model": "gpt-4o", "messages": [USER], "tools": [TOOL], "tool_choice": "none"}).tools == ()


def test_a_tool_is_wanted_until_it_has_answered() -> None:
    asked = {"model": "gpt-4o", "messages": [USER], "tools": [TOOL]}
    answered = asked | {"messages": [USER, {"role": "tool", "content": "found"}]}
    assert [read_chat(asked).wants_tool, read_chat(answered).wants_tool] == [True, False]


def test_one_text_to_embed_is_a_list_of_one() -> None:
    body = {"model": "text-embedding-3-small", "input": "a", "encoding_format": "base64", "dimensions": 256}
    assert read_embeddings(body) == EmbeddingsRequest(MODELS["text-embedding-3-small"], ("a",), 256, base64=True)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"model": "gpt-4o"}, "messages must be a list"),
        ({"model": "gpt-4o", "messages": []}, "messages must be a list"),
        ({"model": "gpt-9", "messages": [USER]}, 'model "gpt-9" is not offered for chat'),
        ({"model": "text-embedding-3-small", "messages": [USER]}, "is not offered for chat"),
        ({"model": "gpt-4o", "messages": [USER], "n": 0}, "n must be a whole number"),
        ({"model": "gpt-4o", "messages": [USER], "stream_options": {"include_usage": True}}, "stream_options"),
    ],
)
def test_a_chat_request_that_says_too_little_is_refused(body: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRequestError, match=reason):
        read_chat(body)


@pytest.mark.parametrize("given", [None, [], [""], [1, 2]])
def test_embeddings_need_texts(given: object) -> None:
    with pytest.raises(BadRequestError, match="input must be a string or a list of strings"):
        read_embeddings({"model": "text-embedding-3-small", "input": given})


@pytest.mark.parametrize(("raw", "reason"), [(b"{", "not JSON"), (b"[]", "JSON object"), (b"\xff", "not JSON")])
def test_a_body_is_a_json_object(raw: bytes, reason: str) -> None:
    with pytest.raises(BadRequestError, match=reason):
        read_body(raw)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "a"}, "a"),
        ({"content": [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]}, "ab"),
        ({"content": None}, ""),
        ({}, ""),
    ],
)
def test_text_of_a_message(message: dict[str, Any], text: str) -> None:
    assert text_of(message) == text
