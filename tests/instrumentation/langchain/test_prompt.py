"""What a model was asked is read as texts, one of each message and each definition."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from spanmeter.langchain.prompt import reader

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def test_messages_are_read_with_their_tool_calls_and_without_their_images() -> None:
    called: Any = [{"name": "search", "args": {"text": "é"}, "id": "call_1", "type": "tool_call"}]
    messages = [
        SystemMessage("be brief"),
        HumanMessage([{"type": "text", "text": "what is"}, "this?", IMAGE]),
        AIMessage("", tool_calls=called),
        ToolMessage("found", tool_call_id="call_1"),
    ]
    assert reader([messages], {})() == ["be brief", "what is\nthis?", 'search {"text": "é"}', "found"]


def test_prompts_are_read_as_they_are() -> None:
    assert reader(["a", "b"], {})() == ["a", "b"]


def test_tools_and_the_form_of_the_answer_are_part_of_the_prompt() -> None:
    parameters = {"tools": [{"name": "search"}, {"name": "add"}], "response_format": {"type": "json"}, "model": "m"}
    assert reader([], parameters)() == ['{"name": "search"}', '{"name": "add"}', '{"type": "json"}']


def test_nothing_is_read_before_it_is_asked_for() -> None:
    messages: list[Any] = []
    read = reader([messages], {})
    messages.append(HumanMessage("later"))
    assert read() == ["later"]
