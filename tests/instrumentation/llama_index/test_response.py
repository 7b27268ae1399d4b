"""Openings and answers read from what the provider packages of several generations hand over."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from llama_index.core.base.llms.types import ThinkingBlock
from llama_index.core.llms import ChatMessage, ChatResponse, CompletionResponse

from spanmeter import barrier
from spanmeter.answer import ALL_ZERO
from spanmeter.call import NO_ANSWER, Answer
from spanmeter.llama_index.response import answer_of, has_content, model_opening
from spanmeter.pricing import Usage


@pytest.mark.parametrize("key", ["model_name", "model"])
def test_the_model_stands_under_either_key(key: str) -> None:
    opening = model_opening("chat", {key: "gpt-4o", "class_name": "openai_llm", "default_headers": {"key": "secret"}})
    assert (opening.name, opening.model, opening.provider) == ("chat gpt-4o", "gpt-4o", "openai")
    assert "secret" not in repr(opening)


def test_a_model_of_the_applications_own_is_named_by_itself() -> None:
    asked = SimpleNamespace(metadata=SimpleNamespace(model_name="mine"))
    assert [model_opening("chat", told, asked).model for told in ({}, {"model": "told"})] == ["mine", "told"]


def test_an_unknown_model_is_not_a_model() -> None:
    assert model_opening("chat", {"model_name": "unknown"}).name == "chat"


ANTHROPIC = {
    "id": "msg_1",
    "model": "claude-sonnet-4-5-20250929",
    "stop_reason": "end_turn",
    "usage": {
        "input_tokens": 30,
        "cache_creation_input_tokens": 11,
        "cache_read_input_tokens": 50,
        "output_tokens": 9,
    },
}


def test_anthropics_dict_counts_input_without_its_cache() -> None:
    answer = answer_of(CompletionResponse(text="Hello", raw=ANTHROPIC), provider="anthropic")
    assert answer == Answer(
        usage=Usage(input=30, cache_read=50, cache_write_5m=11, output=9),
        model="claude-sonnet-4-5-20250929",
        response_id="msg_1",
        finish_reasons=("end_turn",),
    )


@pytest.mark.parametrize("model", ["gpt-4o", "my-own"])
def test_counts_that_are_all_zero_are_no_counts(model: str) -> None:
    raw = {"model": model, "usage": {"prompt_tokens": 0, "completion_tokens": 0}}
    answer = answer_of(CompletionResponse(text="Hello", raw=raw), provider="openai")
    assert answer == Answer(model=model, usage_notes=(ALL_ZERO,))
    assert answer.text is not None
    assert answer.text() == "Hello"


def test_without_a_raw_answer_the_additional_tokens_count() -> None:
    response = CompletionResponse(text="x", additional_kwargs={"prompt_tokens": 5, "completion_tokens": 2})
    assert answer_of(response, provider="openai") == Answer(usage=Usage(input=5, output=2))


class Closed:
    """An answer of a package that refuses to be read, as some do once their connection is closed."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def test_an_answer_that_cannot_be_read_says_so_and_spares_the_host() -> None:
    barrier.raise_faults(on=False)
    answer = answer_of(CompletionResponse(text="x", raw=Closed()), provider="openai")
    assert answer == Answer(usage_notes=("the answer cannot be read",))


def test_the_generated_text_can_be_read_later() -> None:
    call = {"function": {"name": "find", "arguments": '{"x": 1}'}}
    message = ChatMessage(role="assistant", content="Hello", additional_kwargs={"tool_calls": [call]})
    answers = [
        answer_of(response, provider="") for response in (ChatResponse(message=message), CompletionResponse(text="Bye"))
    ]
    assert [answer.text and answer.text() for answer in answers] == ['Hellofind{"x": 1}', "Bye"]


def test_usage_may_come_before_the_last_chunk() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    finishing = CompletionResponse(text="x", raw={"model": "m", "choices": [{"finish_reason": "stop"}], "usage": usage})
    answer = answer_of(CompletionResponse(text="x", raw={"choices": []}), provider="openai", finishing=finishing)
    assert answer == Answer(usage=Usage(input=1, output=1), model="m", finish_reasons=("stop",))


def test_no_response_is_no_answer() -> None:
    assert answer_of(None, provider="openai") == NO_ANSWER


def test_the_finish_reason_may_come_before_the_usage() -> None:
    finishing = SimpleNamespace(raw={"choices": [{"finish_reason": "stop"}]})
    last = CompletionResponse(text="x", raw={"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    answer = answer_of(last, provider="openai", finishing=finishing)
    assert answer == Answer(usage=Usage(input=1, output=1), finish_reasons=("stop",))


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        (ChatResponse(message=ChatMessage(role="assistant"), delta=""), False),
        (ChatResponse(message=ChatMessage(role="assistant"), delta="Hel"), True),
        (ChatResponse(message=ChatMessage(role="assistant", additional_kwargs={"tool_calls": [1]}), delta=""), True),
        (ChatResponse(message=ChatMessage(role="assistant", blocks=[ThinkingBlock(content="hm")]), delta=""), True),
        (CompletionResponse(text="", delta=None), False),
    ],
    ids=["role", "text", "tool call", "thoughts", "nothing"],
)
def test_a_chunk_with_text_or_a_tool_call_has_content(chunk: Any, *, expected: bool) -> None:
    assert has_content(chunk) is expected
