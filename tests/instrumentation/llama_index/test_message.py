"""The texts of messages and tools, of whichever shape a version and a provider give them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock

from spanmeter.llama_index.message import message_text, prompt_of, tool_calls_text

CALL = {"function": {"name": "search", "arguments": '{"q": "x"}'}}


def _message(content: Any = None, **fields: Any) -> Any:
    """A message as up to 0.11, without blocks."""
    return SimpleNamespace(content=content, additional_kwargs={}, **fields)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (ChatMessage(content="Hello"), "Hello"),
        (ChatMessage(content=None), ""),
        (ChatMessage(blocks=[TextBlock(text="a"), ImageBlock(url="http://x/y.png"), TextBlock(text="b")]), "ab"),
        (ChatMessage(content=None, additional_kwargs={"tool_calls": [CALL]}), 'search{"q": "x"}'),
        (_message("Hello"), "Hello"),
        (_message([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x"}}]), "a"),
        (_message(7), ""),
        (_message(blocks=[SimpleNamespace(block_type="thinking", content="hm")]), "hm"),
        (
            _message(blocks=[SimpleNamespace(block_type="tool_call", tool_name="search", tool_kwargs={"q": "x"})]),
            'search{"q": "x"}',
        ),
        (_message(blocks=[SimpleNamespace(content=[SimpleNamespace(text="quoted")])]), "quoted"),
    ],
    ids=["text", "nothing", "picture", "call", "0.11", "parts", "number", "thought", "call as a block", "nested"],
)
def test_what_is_text_is_read_and_nothing_else(message: Any, text: str) -> None:
    assert message_text(message) == text


def test_a_call_that_is_told_twice_is_read_once() -> None:
    block = SimpleNamespace(block_type="tool_call", tool_name="search", tool_kwargs="{}")
    message = SimpleNamespace(blocks=[block], additional_kwargs={"tool_calls": [CALL]})
    assert message_text(message) == "search{}"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (CALL, 'search{"q": "x"}'),
        (SimpleNamespace(function=SimpleNamespace(name="search", arguments=None)), "search"),
        ({"name": "search", "input": {"q": 1}}, 'search{"q": 1}'),
        (None, ""),
    ],
    ids=["dictionary", "object", "anthropic", "nothing"],
)
def test_calls_of_tools_are_their_names_and_arguments(call: Any, text: str) -> None:
    assert tool_calls_text(SimpleNamespace(additional_kwargs={"tool_calls": [call]})) == text


def test_a_completion_calls_no_tools() -> None:
    assert tool_calls_text(None) == ""


def test_a_prompt_has_one_text_for_each_message_and_tool() -> None:
    messages = [ChatMessage(role="system", content="Be brief."), ChatMessage(content="Why?")]
    assert prompt_of(messages, {"tools": [{"name": "search"}]}) == ["Be brief.", "Why?", '{"name": "search"}']
