"""What LlamaIndex's spans quote where content is captured, and that they quote nothing where it is not."""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    ChatResponse,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI
from openai import RateLimitError
from tests.instrumentation.quotes import message, quoted, text

from spanmeter import barrier, semconv
from spanmeter.llama_index import quote


@pytest.mark.usefixtures("quoting")
async def test_a_chat_quotes_what_was_asked_and_answered(chat_model: OpenAI, seen: Any) -> None:
    await chat_model.achat([ChatMessage("Be brief.", role="system"), ChatMessage("Hi")])

    assert quoted(seen.one("chat")) == {
        semconv.INPUT_MESSAGES: [message("system", text("Be brief.")), message("user", text("Hi"))],
        semconv.OUTPUT_MESSAGES: [message("assistant", text("Hello world"), finish_reason="stop")],
    }


@pytest.mark.usefixtures("quoting")
def test_a_streaming_chat_engine_quotes_the_answer_put_together(chat_model: OpenAI, seen: Any) -> None:
    memory = ChatMemoryBuffer(token_limit=1000, tokenizer_fn=str.split)
    engine = SimpleChatEngine.from_defaults(llm=chat_model, memory=memory, system_prompt="Be brief.")
    list(engine.stream_chat("Hi").response_gen)

    assert quoted(seen.one("chat")) == {
        semconv.INPUT_MESSAGES: [message("system", text("Be brief.")), message("user", text("Hi"))],
        semconv.OUTPUT_MESSAGES: [message("assistant", text("Hello world "), finish_reason="stop")],
    }


@pytest.mark.usefixtures("quoting")
def test_a_stream_closed_early_quotes_what_had_arrived(chat_model: OpenAI, seen: Any) -> None:
    stream = chat_model.stream_chat([ChatMessage("Hi")])
    while not next(stream).delta:
        pass
    stream.close()

    assert quoted(seen.one("chat"))[semconv.OUTPUT_MESSAGES] == [
        message("assistant", text("Hello "), finish_reason="cancelled")
    ]


@pytest.mark.usefixtures("quoting")
def test_a_failed_call_quotes_what_was_asked(chat_model: OpenAI, provider: Any, seen: Any) -> None:
    provider.fail_next = [429]
    with pytest.raises(RateLimitError):
        chat_model.chat([ChatMessage("Hi")])

    assert quoted(seen.one("chat")) == {semconv.INPUT_MESSAGES: [message("user", text("Hi"))]}


@pytest.mark.usefixtures("quoting")
def test_a_query_quotes_its_search_and_what_it_asked(chat_model: OpenAI, index: VectorStoreIndex, seen: Any) -> None:
    index.as_query_engine(llm=chat_model, similarity_top_k=1).query("How many?")

    retrieval = quoted(seen.one("retrieval"))
    (found,) = retrieval.pop(semconv.RETRIEVAL_DOCUMENTS)
    assert retrieval == {semconv.RETRIEVAL_QUERY: "How many?"}
    assert (sorted(found), found["content"] in {"one", "two", "three"}) == (["content", "id", "score"], True)
    asked = quoted(seen.one("chat"))[semconv.INPUT_MESSAGES]
    assert [said["role"] for said in asked] == ["system", "user"]
    assert f"\n{found['content']}\n" in asked[1]["parts"][0]["content"]
    assert "Query: How many?" in asked[1]["parts"][0]["content"]
    assert quoted(seen.one("query")) == quoted(seen.one("synthesize")) == {}


@pytest.mark.filterwarnings("ignore:The `__fields:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning")
@pytest.mark.usefixtures("quoting")
async def test_an_agent_quotes_the_tools_it_offers_calls_and_answers(
    chat_model: OpenAI, provider: Any, seen: Any
) -> None:
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"rain in {city}"

    provider.tool = {"name": "weather", "arguments": '{"city": "Graz"}'}
    memory = ChatMemoryBuffer(token_limit=1000, tokenizer_fn=str.split)
    await FunctionAgent(tools=[weather], llm=chat_model, streaming=False).run("Rain?", memory=memory)

    first, second = (quoted(span.attributes) for span in seen.all if span.name.startswith("chat"))
    call = {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Graz"}}
    assert first[semconv.OUTPUT_MESSAGES] == [message("assistant", call, finish_reason="tool_call")]
    (offered,) = first[semconv.TOOL_DEFINITIONS]
    assert (offered["type"], offered["name"], offered["parameters"]["required"]) == ("function", "weather", ["city"])
    answer = {"type": "tool_call_response", "id": "call_1", "response": "rain in Graz"}
    assert second[semconv.INPUT_MESSAGES] == [
        message("user", text("Rain?")),
        message("assistant", call),
        message("tool", answer),
    ]
    assert quoted(seen.one("execute_tool")) == {
        semconv.TOOL_ARGUMENTS: {"city": "Graz"},
        semconv.TOOL_RESULT: "rain in Graz",
    }


@pytest.mark.usefixtures("quoting")
def test_a_completion_quotes_its_prompt_and_text(seen: Any) -> None:
    from llama_index.core.llms import MockLLM  # noqa: PLC0415

    list(MockLLM(max_tokens=3).stream_complete("one plus one"))

    assert quoted(seen.one("text_completion")) == {
        semconv.INPUT_MESSAGES: [message("user", text("one plus one"))],
        semconv.OUTPUT_MESSAGES: [message("assistant", text("text text"), finish_reason="unknown")],
    }


@pytest.mark.usefixtures("quoting")
def test_arguments_by_place_and_by_name(seen: Any) -> None:
    add = FunctionTool.from_defaults(lambda a, b: a + b, name="add")
    add.call(1, b=2)

    assert quoted(seen.one("execute_tool")) == {
        semconv.TOOL_ARGUMENTS: {"b": 2, "input": 1},
        semconv.TOOL_RESULT: "3",
    }


@pytest.mark.usefixtures("quoting")
@pytest.mark.usefixtures("seen")
def test_a_message_that_cannot_be_read_loses_its_text_alone() -> None:
    class Unreadable:
        def __str__(self) -> str:
            raise ValueError

    odd: Any = ChatMessage("b")
    content = quote.messages_asked([ChatMessage("a"), odd], {}) or dict
    odd.blocks[0].text = "changed"
    assert content()[semconv.INPUT_MESSAGES] == [message("user", text("a")), message("user", text("b"))]

    strange = ChatMessage(blocks=[TextBlock(text="c").model_copy(update={"text": Unreadable()})])
    told = (quote.messages_asked([ChatMessage("a"), strange], {}) or dict)()[semconv.INPUT_MESSAGES]
    assert told == [message("user", text("a")), message("unreadable")]
    barrier.faults.clear()


def test_without_the_switch_nothing_is_quoted(chat_model: OpenAI, index: VectorStoreIndex, seen: Any) -> None:
    index.as_query_engine(llm=chat_model).query("my secret")
    FunctionTool.from_defaults(lambda a: a, name="same").call("my secret")

    assert [quoted(span.attributes) for span in seen.all] == [{}] * len(seen.all) != []
    assert "secret" not in "".join(span.to_json() for span in seen.all)


IMAGE = b"\x89PNG\r\n\x1a\n"
BLOCKS: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "a text": (TextBlock(text="a"), [text("a")]),
    "no text": (TextBlock(text=""), []),
    "thoughts": (ThinkingBlock(content="hm"), [{"type": "reasoning", "content": "hm"}]),
    "thoughts that are not shown": (ThinkingBlock(), []),
    "a call of a tool": (
        ToolCallBlock(tool_call_id="t", tool_name="f", tool_kwargs={"x": 1}),
        [{"type": "tool_call", "id": "t", "name": "f", "arguments": {"x": 1}}],
    ),
    "an image": (
        ImageBlock(image=IMAGE),
        [{"type": "blob", "modality": "image", "mime_type": "image/png", "content": "iVBORw0KGgo="}],
    ),
    "an image by its address": (
        ImageBlock(url="https://x/y.png", image_mimetype="image/png"),
        [{"type": "uri", "modality": "image", "mime_type": "image/png", "uri": "https://x/y.png"}],
    ),
    "a long sound": (
        AudioBlock(audio=b"A" * 5000, format="wav"),
        [{"type": "blob", "modality": "audio", "mime_type": "wav", "content": "", "size_bytes": 3750}],
    ),
    "a document": (
        DocumentBlock(data=b"QUJD", document_mimetype="application/pdf"),
        [{"type": "blob", "modality": "document", "mime_type": "application/pdf", "content": "QUJD"}],
    ),
    "a mark for caches": (CachePoint(cache_control=CacheControl(type="ephemeral")), []),
}


@pytest.mark.parametrize(("block", "expected"), BLOCKS.values(), ids=BLOCKS)
def test_the_parts_of_a_message(block: Any, expected: list[dict[str, Any]]) -> None:
    asked = quote.messages_asked([ChatMessage(role=MessageRole.USER, blocks=[block])], {}) or dict

    assert asked()[semconv.INPUT_MESSAGES] == [message("user", *expected)]


def test_calls_of_tools_beside_the_blocks_are_told_in_every_form() -> None:
    class Function:
        def __init__(self) -> None:
            self.name, self.arguments = "g", "{}"

    class Called:
        def __init__(self) -> None:
            self.id, self.function = "u", Function()

    calls = [{"id": "t", "function": {"name": "f", "arguments": '{"x": 1}'}}, Called(), {"name": "h", "input": {}}]
    answer = ChatMessage(role="assistant", additional_kwargs={"tool_calls": calls})

    (said,) = (quote.answered(ChatResponse(message=answer)) or dict)()[semconv.OUTPUT_MESSAGES]

    assert said["parts"] == [
        {"type": "tool_call", "id": "t", "name": "f", "arguments": {"x": 1}},
        {"type": "tool_call", "id": "u", "name": "g", "arguments": {}},
        {"type": "tool_call", "name": "h", "arguments": {}},
    ]


def test_a_message_of_old_without_blocks_is_read_by_its_content() -> None:
    class Old:
        def __init__(self) -> None:
            self.role, self.additional_kwargs = MessageRole.USER, dict[str, Any]()
            image = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
            self.content = [{"type": "text", "text": "a"}, image]

    told = (quote.messages_asked([Old()], {}) or dict)()[semconv.INPUT_MESSAGES]

    assert told == [message("user", text("a"), {"type": "uri", "modality": "image", "uri": "https://x/y.png"})]
