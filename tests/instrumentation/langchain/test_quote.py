"""What LangChain's spans quote where content is captured, and that they quote nothing where it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel, FakeListLLM
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai import RateLimitError
from pydantic import SecretStr
from tests.instrumentation.quotes import message, quoted, text

from spanmeter import barrier, semconv
from spanmeter.langchain import quote

IMAGE = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture
def model(provider: Any) -> ChatOpenAI:
    key = SecretStr("none")
    return ChatOpenAI(model="gpt-5", base_url=f"{provider.url}/v1", api_key=key, max_retries=0, stream_usage=True)


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"rain in {city}"


WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"properties": {"city": {"type": "string"}}, "required": ["city"], "type": "object"},
}


@pytest.mark.usefixtures("quoting")
def test_a_chat_quotes_what_was_asked_and_answered(model: ChatOpenAI, instrumented: Any) -> None:
    model.invoke([SystemMessage("Be brief."), HumanMessage("Hi", name="ada")])

    assert quoted(instrumented.one("chat gpt-5").attributes) == {
        semconv.INPUT_MESSAGES: [message("system", text("Be brief.")), message("user", text("Hi"), name="ada")],
        semconv.OUTPUT_MESSAGES: [message("assistant", text("Hello world"), finish_reason="stop")],
    }


@pytest.mark.usefixtures("quoting")
async def test_a_stream_quotes_its_answer_put_together(model: ChatOpenAI, instrumented: Any) -> None:
    async for _ in model.astream("Hi"):
        pass

    assert quoted(instrumented.one("chat gpt-5").attributes)[semconv.OUTPUT_MESSAGES] == [
        message("assistant", text("Hello world "), finish_reason="stop")
    ]


@pytest.mark.usefixtures("quoting")
def test_a_stream_closed_early_quotes_what_had_arrived(model: ChatOpenAI, instrumented: Any) -> None:
    stream = model.stream("Hi")
    while not next(stream).content:
        pass
    stream.close()  # type: ignore[attr-defined]

    assert quoted(instrumented.one("chat gpt-5").attributes) == {
        semconv.INPUT_MESSAGES: [message("user", text("Hi"))],
        semconv.OUTPUT_MESSAGES: [message("assistant", text("Hello "), finish_reason="cancelled")],
    }


@pytest.mark.usefixtures("quoting")
def test_a_failed_call_quotes_what_was_asked(model: ChatOpenAI, provider: Any, instrumented: Any) -> None:
    provider.fail_next = [429]
    with pytest.raises(RateLimitError):
        model.invoke("Hi")

    assert quoted(instrumented.one("chat gpt-5").attributes) == {semconv.INPUT_MESSAGES: [message("user", text("Hi"))]}


class Breaking(BaseChatModel):
    """A model whose stream breaks off."""

    @property
    def _llm_type(self) -> str:
        return "breaking"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(content="Half an "))
        raise ConnectionError


@pytest.mark.usefixtures("quoting")
def test_a_stream_that_broke_off_quotes_what_had_arrived(instrumented: Any) -> None:
    with pytest.raises(ConnectionError):
        list(Breaking().stream("Hi"))

    assert quoted(instrumented.one("chat Breaking").attributes)[semconv.OUTPUT_MESSAGES] == [
        message("assistant", text("Half an "), finish_reason="error")
    ]


@pytest.mark.usefixtures("quoting")
@pytest.mark.parametrize("streamed", [False, True], ids=["invoke", "stream"])
def test_an_agent_quotes_the_tools_it_offers_calls_and_answers(
    model: ChatOpenAI, provider: Any, instrumented: Any, *, streamed: bool
) -> None:
    from langchain.agents import create_agent  # noqa: PLC0415  takes a second

    provider.tool = {"name": "weather", "arguments": '{"city": "Graz"}'}
    agent: Any = create_agent(model, [weather], system_prompt="Use tools.")
    asked = {"messages": [HumanMessage("Rain?")]}
    if streamed:
        list(agent.stream(asked, stream_mode="messages"))
    else:
        agent.invoke(asked)

    first, second = (quoted(span.attributes) for span in instrumented.named("chat gpt-5"))
    call = {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Graz"}}
    begun = [message("system", text("Use tools.")), message("user", text("Rain?"))]
    assert first == {
        semconv.TOOL_DEFINITIONS: [WEATHER],
        semconv.INPUT_MESSAGES: begun,
        semconv.OUTPUT_MESSAGES: [message("assistant", call, finish_reason="tool_call")],
    }
    answer = {"type": "tool_call_response", "id": "call_1", "response": "rain in Graz"}
    assert second[semconv.INPUT_MESSAGES] == [
        *begun,
        message("assistant", call),
        message("tool", answer, name="weather"),
    ]
    assert quoted(instrumented.one("execute_tool weather").attributes) == {
        semconv.TOOL_ARGUMENTS: {"city": "Graz"},
        semconv.TOOL_RESULT: "rain in Graz",
    }


@pytest.mark.usefixtures("quoting")
def test_a_tool_that_failed_quotes_what_it_was_called_with(instrumented: Any) -> None:
    @tool
    def divide(a: float, b: float) -> float:
        """Divide."""
        return a / b

    with pytest.raises(ZeroDivisionError):
        divide.invoke({"a": 1, "b": 0})

    assert quoted(instrumented.one("execute_tool divide").attributes) == {semconv.TOOL_ARGUMENTS: {"a": 1, "b": 0}}


class Shelf(BaseRetriever):
    """Two documents, of which only one tells how well it fits."""

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        best = Document("Rain makes wet.", id="d1", metadata={"source": "rain.md", "relevance_score": 0.9})
        return [best, Document(f"About {query}.")]


@pytest.mark.usefixtures("quoting")
def test_a_retrieval_quotes_what_was_searched_and_found(instrumented: Any) -> None:
    found = Shelf().invoke("rain")
    found[0].metadata["source"] = "changed afterwards"

    metadata = {"source": "rain.md", "relevance_score": 0.9}
    assert quoted(instrumented.one("retrieval Shelf").attributes) == {
        semconv.RETRIEVAL_QUERY: "rain",
        semconv.RETRIEVAL_DOCUMENTS: [
            {"id": "d1", "score": 0.9, "content": "Rain makes wet.", "metadata": metadata},
            {"content": "About rain."},
        ],
    }


@pytest.mark.usefixtures("quoting")
def test_embeddings_quote_nothing(provider: Any, instrumented: Any) -> None:
    OpenAIEmbeddings(
        model="e", base_url=f"{provider.url}/v1", api_key=SecretStr("none"), check_embedding_ctx_length=False
    ).embed_query("my secret")

    assert "my secret" not in json.dumps(dict(instrumented.one("embeddings e").attributes))


@pytest.mark.usefixtures("quoting")
def test_a_completion_quotes_its_prompt_and_text(instrumented: Any) -> None:
    FakeListLLM(responses=["two"]).invoke("one plus one")

    assert quoted(instrumented.one("text_completion FakeListLLM").attributes) == {
        semconv.INPUT_MESSAGES: [message("user", text("one plus one"))],
        semconv.OUTPUT_MESSAGES: [message("assistant", text("two"), finish_reason="unknown")],
    }


class Saying(BaseChatModel):
    """A model that answers with what it is made with."""

    said: Any

    @property
    def _llm_type(self) -> str:
        return "saying"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self.said)])


@pytest.mark.usefixtures("quoting")
def test_the_text_of_an_inner_call_stands_on_that_call_alone(model: ChatOpenAI, instrumented: Any) -> None:
    class Wrapping(Saying):
        def _generate(self, messages: Any, *_: Any, **__: Any) -> ChatResult:
            return ChatResult(generations=[ChatGeneration(message=model.invoke(messages))])

    Wrapping(said=None).invoke("Hi")

    assert quoted(instrumented.one("chat Wrapping").attributes) == {}
    assert quoted(instrumented.one("chat gpt-5").attributes)[semconv.INPUT_MESSAGES] == [message("user", text("Hi"))]


@pytest.mark.usefixtures("quoting")
def test_what_is_written_into_messages_during_or_after_the_call_does_not_show(instrumented: Any) -> None:
    asked, said = [HumanMessage("Hi")], AIMessage([{"type": "text", "text": "Hello"}])

    class Changing(Saying):
        def _generate(self, messages: Any, *_: Any, **__: Any) -> ChatResult:
            messages[0].content = "changed"
            return ChatResult(generations=[ChatGeneration(message=self.said)])

    answer = Changing(said=said).invoke(asked)
    answer.content = "changed"

    assert quoted(instrumented.one("chat Changing").attributes) == {
        semconv.INPUT_MESSAGES: [message("user", text("Hi"))],
        semconv.OUTPUT_MESSAGES: [message("assistant", text("Hello"), finish_reason="unknown")],
    }


class Unreadable:
    """Raises when it is looked at."""

    def __str__(self) -> str:
        raise ValueError


@pytest.mark.usefixtures("quoting")
def test_a_message_that_cannot_be_read_loses_its_text_alone(instrumented: Any) -> None:
    barrier.raise_faults(on=False)
    odd = AIMessage("", tool_calls=[{"name": "f", "args": {"x": Unreadable()}, "id": "c"}])
    Saying(said=AIMessage("fine")).invoke([HumanMessage("Hi"), odd])

    (span,) = instrumented.calls()
    assert quoted(span.attributes) == {
        semconv.INPUT_MESSAGES: [message("user", text("Hi")), message("unreadable")],
        semconv.OUTPUT_MESSAGES: [message("assistant", text("fine"), finish_reason="unknown")],
    }


def test_without_the_switch_nothing_is_quoted(model: ChatOpenAI, provider: Any, instrumented: Any) -> None:
    provider.tool = {"name": "weather", "arguments": '{"city": "Graz"}'}
    model.bind_tools([weather]).invoke([SystemMessage("Be brief."), HumanMessage("my secret")])
    weather.invoke({"city": "my secret"})
    Shelf().invoke("my secret")

    assert len(instrumented.finished) == 3
    assert [quoted(span.attributes) for span in instrumented.finished] == [{}, {}, {}]
    assert "secret" not in "".join(span.to_json() for span in instrumented.finished)


PARTS: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "a text": (HumanMessage("a"), [text("a")]),
    "nothing": (AIMessage(""), []),
    "texts and an image": (
        HumanMessage(["a", {"type": "text", "text": "b"}, {"type": "image_url", "image_url": {"url": IMAGE}}]),
        [
            text("a"),
            text("b"),
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "iVBORw0KGgo="},
        ],
    ),
    "thoughts beside the text": (
        AIMessage("a", additional_kwargs={"reasoning_content": "hm"}),
        [{"type": "reasoning", "content": "hm"}, text("a")],
    ),
    "Anthropic's tool use, told twice": (
        AIMessage(
            [{"type": "text", "text": "a"}, {"type": "tool_use", "id": "t", "name": "f", "input": {}}],
            tool_calls=[{"id": "t", "name": "f", "args": {"x": 1}}],
        ),
        [text("a"), {"type": "tool_call", "id": "t", "name": "f", "arguments": {"x": 1}}],
    ),
    "arguments that are no JSON": (
        AIMessage("", invalid_tool_calls=[{"id": "t", "name": "f", "args": "{x", "error": "no"}]),
        [{"type": "tool_call", "id": "t", "name": "f", "arguments": "{x"}],
    ),
    "a function of the first kind": (
        AIMessage("", additional_kwargs={"function_call": {"name": "f", "arguments": "{}"}}),
        [{"type": "tool_call", "name": "f", "arguments": {}}],
    ),
    "a tool's answer with an image": (
        ToolMessage([{"type": "image", "url": "https://x/y.png"}], tool_call_id="t"),
        [
            {
                "type": "tool_call_response",
                "id": "t",
                "response": [{"type": "uri", "modality": "image", "uri": "https://x/y.png"}],
            }
        ],
    ),
}


@pytest.mark.parametrize(("said", "expected"), PARTS.values(), ids=PARTS)
def test_the_parts_of_a_message(said: Any, expected: list[dict[str, Any]]) -> None:
    (told,) = (quote.asked([[said]], {}) or dict)()[semconv.INPUT_MESSAGES]

    assert told["parts"] == expected


def test_instructions_beside_the_messages_stand_apart() -> None:
    content = (quote.asked(["Hi"], {"instructions": "Be brief."}) or dict)()

    assert content[semconv.SYSTEM_INSTRUCTIONS] == [text("Be brief.")]
