"""What spans quote is read in one form, whoever sent it, and nothing that a sender writes breaks it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spanmeter_collector.content_answer import ContentAnswer
from spanmeter_collector.quote import INPUTS, OUTPUTS, TEXT_INPUTS, TEXT_OUTPUTS, Quoted, read_content

NOTHING = {"input": [], "output": [], "tools": [], "arguments": "", "result": "", "query": "", "documents": []}


def part(kind: str, text: str, **beside: str) -> dict[str, Any]:
    return {"kind": kind, "text": text, "name": "", "id": "", **beside}


def said(role: str, *parts: dict[str, Any], **beside: str) -> dict[str, Any]:
    return {"role": role, "name": "", "finish_reason": "", "parts": list(parts), **beside}


def read(attributes: dict[str, Any]) -> dict[str, Any]:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in attributes.items()}
    content = read_content(texts).content
    assert content is not None
    return {key: value for key, value in content.model_dump().items() if value}


CALL = {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Graz"}}
SENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a chat of the conventions": (
        {
            "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
            "gen_ai.input.messages": [{"role": "user", "name": "ada", "parts": [{"type": "text", "content": "Hi"}]}],
            "gen_ai.output.messages": [
                {
                    "role": "assistant",
                    "parts": [{"type": "reasoning", "content": "hm"}, CALL],
                    "finish_reason": "tool_call",
                }
            ],
            "gen_ai.tool.definitions": [{"type": "function", "name": "weather", "description": "d", "parameters": {}}],
        },
        {
            "input": [said("system", part("text", "Be brief.")), said("user", part("text", "Hi"), name="ada")],
            "output": [
                said(
                    "assistant",
                    part("reasoning", "hm"),
                    part("tool_call", '{"city": "Graz"}', name="weather", id="c1"),
                    finish_reason="tool_call",
                )
            ],
            "tools": [{"name": "weather", "description": "d", "parameters": "{}"}],
        },
    ),
    "answers of tools and media": (
        {
            "gen_ai.input.messages": [
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": {"rain": True}}]},
                {
                    "role": "user",
                    "parts": [
                        {
                            "type": "blob",
                            "modality": "image",
                            "mime_type": "image/png",
                            "content": "",
                            "size_bytes": 9000,
                        },
                        {"type": "blob", "modality": "image", "content": "QUJD"},
                        {"type": "uri", "modality": "image", "uri": "https://x/y.png"},
                        {"type": "file", "modality": "document", "file_id": "f1"},
                        {"type": "hologram", "depth": 3},
                    ],
                },
                {"type": "omitted", "name": "7 left out", "role": "omitted", "parts": []},
            ]
        },
        {
            "input": [
                said("tool", part("tool_call_response", '{"rain": true}', id="c1")),
                said(
                    "user",
                    part("media", "image, image/png, 9,000 bytes"),
                    part("media", "image, 3 bytes"),
                    part("media", "image, https://x/y.png"),
                    part("media", "document, f1"),
                    part("other", '{"type": "hologram", "depth": 3}'),
                ),
                said("omitted", part("other", "7 left out")),
            ]
        },
    ),
    "a tool": (
        {"gen_ai.tool.call.arguments": '{"city":"Graz"}', "gen_ai.tool.call.result": "rain"},
        {"arguments": '{"city":"Graz"}', "result": "rain"},
    ),
    "a retrieval": (
        {
            "gen_ai.retrieval.query.text": "rain",
            "gen_ai.retrieval.documents": [{"id": "d1", "score": 0.9, "content": "wet", "metadata": {"a": 1}}, {}],
        },
        {
            "query": "rain",
            "documents": [
                {"id": "d1", "score": 0.9, "text": "wet", "metadata": '{"a": 1}'},
                {"id": "", "score": None, "text": "", "metadata": ""},
            ],
        },
    ),
    "OpenInference's messages": (
        {
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "Hi",
            "llm.input_messages.10.message.role": "user",
            "llm.input_messages.10.message.contents.0.message_content.text": "again",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": "{}",
            "input.value": "the whole",
        },
        {
            "input": [said("user", part("text", "Hi")), said("user", part("text", "again"))],
            "output": [said("assistant", part("tool_call", "{}", name="weather"))],
        },
    ),
    "OpenInference's documents": (
        {"retrieval.documents.0.document.content": "wet", "retrieval.documents.0.document.score": "0.5"},
        {"documents": [{"id": "", "score": 0.5, "text": "wet", "metadata": ""}]},
    ),
    "OpenLLMetry's messages": (
        {"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Hi", "gen_ai.completion.0.content": "Hello"},
        {"input": [said("user", part("text", "Hi"))], "output": [said("", part("text", "Hello"))]},
    ),
    "the whole of a step": (
        {"traceloop.entity.input": "in", "traceloop.entity.output": "out"},
        {"input": [said("user", part("text", "in"))], "output": [said("assistant", part("text", "out"))]},
    ),
    "messages that are no JSON": (
        {"gen_ai.input.messages": "[redacted]"},
        {"input": [said("", part("text", "[redacted]"))]},
    ),
    "messages that were cut": (
        {
            "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Hi\\nAda"},'
            '{"type":"text","content":"how are y\\u00'
        },
        {"input": [said("", part("broken", "Hi\nAda")), said("", part("broken", "how are y"))]},
    ),
    "messages that were cut before anything was said": (
        {"gen_ai.output.messages": '[{"role": "user", "par'},
        {"output": [said("", part("broken", '[{"role": "user", "par'))]},
    ),
    "documents that were cut": (
        {"gen_ai.retrieval.documents": '[{"id":"d1","content":"wet'},
        {"documents": [{"id": "", "score": None, "text": "wet", "metadata": ""}]},
    ),
}


@pytest.mark.parametrize(("sent", "expected"), SENT.values(), ids=SENT)
def test_what_is_quoted_is_read(sent: dict[str, Any], expected: dict[str, Any]) -> None:
    assert read(sent) == expected


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        ({"gen_ai.input.messages": "[1]", "input.value": "in", "gen_ai.request.model": "m"}, {"input.value"}),
        ({"llm.input_messages.0.message.content": "Hi", "llm.input_messages.0.message.name": "ada"}, {"name"}),
        (
            {"retrieval.documents.0.document.content": "wet", "retrieval.documents.0.document.colour": "blue"},
            {"colour"},
        ),
        ({"traceloop.entity.output": "out", "traceloop.prompt.template": "{x}"}, {"template"}),
    ],
    ids=["another form of it", "messages", "documents", "a step"],
)
def test_it_is_told_what_was_read(sent: dict[str, str], left: set[str]) -> None:
    unread = sent.keys() - read_content(sent).keys - {"gen_ai.request.model"}

    assert {key.removeprefix("llm.input_messages.0.message.").rpartition(".")[2] for key in unread} == {
        key.rpartition(".")[2] for key in left
    }


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ('[{"name": "find", "input_schema": {"a": 1}}]', ("find", "", '{"a": 1}')),
        ('[{"google_search": {}}]', ("", '{"google_search": {}}', "")),
        ('["find"]', ("", "find", "")),
        ("find, search", ("", "find, search", "")),
        ('[{"type":"function","na', ("", '[{"type":"function","na', "")),
        ('[{"type":"broken"}]', ("", '{"type": "broken"}', "")),
    ],
    ids=["of Anthropic's form", "without a name", "a word", "no JSON", "cut", "nothing left"],
)
def test_no_tool_that_was_offered_is_left_out(sent: str, expected: tuple[str, str, str]) -> None:
    content = read_content({"gen_ai.tool.definitions": sent}).content

    assert content is not None
    assert [(tool.name, tool.description, tool.parameters) for tool in content.tools] == [expected]


@pytest.mark.parametrize("attributes", [{}, {"k": "v"}, {"gen_ai.input.messages": "[]"}, {"gen_ai.input.messages": ""}])
def test_who_quotes_nothing_has_no_content(attributes: dict[str, str]) -> None:
    assert read_content(attributes) == Quoted(None)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "parts", "type", "content", "text", "name", "id", "score", "function", "response"])
            | st.text(max_size=4),
            below | st.sampled_from(["text", "tool_call", "tool_call_response", "blob", "omitted"]),
            max_size=5,
        )
    ),
    max_leaves=15,
)
KEYS = st.sampled_from(
    [*INPUTS, *OUTPUTS, *TEXT_INPUTS, *TEXT_OUTPUTS, "gen_ai.tool.definitions", "gen_ai.retrieval.documents"]
)


@settings(max_examples=150, deadline=None)
@example({"gen_ai.input.messages": '{"type": []}'})
@given(st.dictionaries(KEYS, VALUES.map(json.dumps) | st.text(max_size=20), max_size=4))
def test_whatever_is_sent_has_an_answer(attributes: dict[str, str]) -> None:
    content = read_content(attributes).content

    assert content is None or ContentAnswer.model_validate_json(content.model_dump_json()) == content


def test_json_that_is_nested_too_deep_is_a_text() -> None:
    deep = "[" * 100_000

    assert read({"gen_ai.input.messages": deep}) == {"input": [said("", part("text", deep))]}
