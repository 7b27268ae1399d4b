"""What the packages of providers leave in `raw`, each in the shape its class hands over."""

from __future__ import annotations

from collections import OrderedDict, UserDict
from decimal import Decimal
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import pytest
from llama_index.core.llms import CompletionResponse
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import Response, ResponseCompletedEvent
from pydantic import BaseModel

from spanmeter.llama_index.raw import MODEL, RESPONSE_ID, Reported, finish_reasons, reported_in, told_in
from spanmeter.pricing import Part, Usage

USAGE = {"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39}
READ = Usage(input=30, output=9)


class Model(BaseModel):
    prompt_tokens: int = 30
    completion_tokens: int = 9
    total_tokens: int = 39


class Buffer:
    """As a message of a protocol buffer: fields, and a class that makes them a dict."""

    prompt_token_count = 30

    @staticmethod
    def to_dict(_: Buffer) -> dict[str, int]:
        return {"prompt_token_count": 30, "candidates_token_count": 9, "total_token_count": 39}


def chunk(**more: Any) -> ChatCompletionChunk:
    known = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    return ChatCompletionChunk.model_validate(known | more)


def completed(**more: Any) -> ResponseCompletedEvent:
    response = SimpleNamespace(
        id="resp_1", model="gpt-5-2025-08-07", status="completed", usage=Model(), incomplete_details=None, **more
    )
    return ResponseCompletedEvent.model_construct(response=response, sequence_number=1, type="response.completed")


SHAPES: dict[str, tuple[Any, str, Usage]] = {
    "dict": ({"usage": USAGE}, "openai", READ),
    "ordered": (OrderedDict(usage=USAGE), "openai", READ),
    "mapping": (UserDict(usage=USAGE), "openai", READ),
    "model": ({"usage": Model()}, "mistral_ai", READ),
    "object": (SimpleNamespace(usage=SimpleNamespace(**USAGE)), "openai", READ),
    "groq-stream": (chunk(x_groq={"id": "r", "usage": USAGE}), "groq", READ),
    "responses-stream": (completed(), "openai", READ),
    "mistral-stream": (SimpleNamespace(data=SimpleNamespace(usage=Model())), "mistral_ai", READ),
    "converse-stream": (
        {"metadata": {"usage": {"inputTokens": 20, "outputTokens": 9, "totalTokens": 39, "cacheReadInputTokens": 10}}},
        "aws.bedrock",
        Usage(input=20, cache_read=10, output=9),
    ),
    "cohere": (
        {
            "meta": SimpleNamespace(
                billed_units={"input_tokens": 5.0, "output_tokens": 2.0}, tokens={"input_tokens": 70}
            )
        },
        "cohere",
        Usage(input=5, output=2),
    ),
    "cohere-stream": (
        {"response": SimpleNamespace(meta={"billed_units": {"input_tokens": 5, "output_tokens": 2}})},
        "cohere",
        Usage(input=5, output=2),
    ),
    "vertex": ({"_raw_response": SimpleNamespace(usage_metadata=Buffer())}, "gcp.vertex_ai", READ),
    "ollama-prompt-was-cached": ({"model": "llama3.2", "eval_count": 9}, "ollama", Usage(output=9)),
    "zero-is-said": ({"usage": {"prompt_tokens": 0, "completion_tokens": 0}}, "openai", Usage()),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_usage_is_found_in_every_shape(shape: str) -> None:
    raw, provider, usage = SHAPES[shape]
    reported = reported_in(SimpleNamespace(raw=raw), provider)
    assert (reported and reported.usage, reported and reported.notes) == (usage, ())


@pytest.mark.parametrize(
    "response",
    [
        SimpleNamespace(raw={}, additional_kwargs={"usage": USAGE}),
        SimpleNamespace(raw=None, message=SimpleNamespace(additional_kwargs={"usage": USAGE})),
        SimpleNamespace(raw=None, additional_kwargs=USAGE),
        # Bedrock's package writes Anthropic's names of caches beside OpenAI's names.
        SimpleNamespace(raw={"contentBlockDelta": {}}, additional_kwargs={**USAGE, "cache_read_input_tokens": 0}),
    ],
    ids=["usage beside", "usage in the message", "counts beside", "two providers' names"],
)
def test_usage_is_found_beside_the_raw_answer(response: Any) -> None:
    assert reported_in(response, "openai") == Reported(READ, None, "", ())


def cyclic() -> dict[str, Any]:
    raw: dict[str, Any] = {}
    raw["usage"] = raw["metadata"] = raw["data"] = raw
    return raw


NOTHING: dict[str, Any] = {
    "none": None,
    "text": "usage",
    "number": 7,
    "list": [{"usage": USAGE}],
    "empty": {},
    "null": {"usage": None},
    "empty usage": {"usage": {}},
    "text for usage": {"usage": "many"},
    "list for usage": {"usage": [1, 2]},
    "unknown words": {"usage": {"credits": 3}},
    "null counts": {"usage": {"prompt_tokens": None, "completion_tokens": None}},
    "cyclic": cyclic(),
    "keys that are no texts": {1: 2, None: 3, "usage": {4: 5}},
}


@pytest.mark.parametrize("raw", NOTHING.values(), ids=NOTHING)
def test_no_usage_is_unknown_not_zero(raw: Any) -> None:
    assert reported_in(CompletionResponse(text="x", raw=raw), "openai") is None


@pytest.mark.parametrize("count", [-1, 10**30, float("nan"), float("inf"), "many", True, {}])
def test_what_is_no_count_is_noted_and_unknown(count: Any) -> None:
    reported = reported_in(SimpleNamespace(raw={"usage": {"prompt_tokens": count}}), "openai")
    assert reported is not None
    assert reported.usage is None
    assert [note.partition(",")[2] for note in reported.notes] == [" which is no count"]


def test_a_count_that_can_be_used_is_used_beside_one_that_cannot() -> None:
    reported = reported_in(SimpleNamespace(raw={"usage": {"prompt_tokens": -1, "completion_tokens": 9}}), "openai")
    assert reported == Reported(Usage(output=9), None, "", ("prompt_tokens is -1, which is no count",))


def test_the_providers_own_cost_and_terms_are_read() -> None:
    openrouter = {**USAGE, "cost": 0.25}
    anthropic = {"input_tokens": 30, "output_tokens": 9, "service_tier": "priority"}
    found = [
        reported_in(SimpleNamespace(raw={"usage": usage}), by)
        for usage, by in ((openrouter, "openrouter"), (anthropic, "anthropic"))
    ]
    assert found == [Reported(READ, Decimal("0.25"), "", ()), Reported(READ, None, "priority", ())]


def test_what_is_billed_apart_is_told_apart_and_where_it_was_served() -> None:
    asked = {"type": "message", "input_tokens": 500, "output_tokens": 100}
    summed_up = {"type": "compaction", "input_tokens": 9000, "output_tokens": 400}
    usage = {"input_tokens": 500, "output_tokens": 100, "inference_geo": "us", "iterations": [summed_up, asked]}
    reported = reported_in(SimpleNamespace(raw={"usage": usage}), "anthropic")
    parts = (Part(Usage(input=9000, output=400)), Part(Usage(input=500, output=100)))
    assert reported == Reported(Usage(input=9500, output=500), parts=parts, region="us")


def test_an_advisor_is_a_part_of_its_own_model() -> None:
    asked = {"type": "message", "input_tokens": 300, "output_tokens": 60}
    advised = {"type": "advisor_message", "model": "claude-opus-4-6", "input_tokens": 800, "output_tokens": 90}
    usage = {"input_tokens": 300, "output_tokens": 60, "inference_geo": "global", "iterations": [asked, advised]}
    reported = reported_in(SimpleNamespace(raw={"usage": usage}), "anthropic")
    parts = (Part(Usage(input=300, output=60)), Part(Usage(input=800, output=90), "claude-opus-4-6"))
    assert reported == Reported(Usage(input=1100, output=150), parts=parts)


class Reason(StrEnum):
    STOP = "STOP"


@pytest.mark.parametrize(
    ("raw", "reasons"),
    [
        ({"choices": [{"finish_reason": "stop"}, {"finish_reason": "length"}]}, ("stop", "length")),
        (SimpleNamespace(data=SimpleNamespace(choices=[SimpleNamespace(finish_reason="stop")])), ("stop",)),
        ({"finish_reason": Reason.STOP, "usage_metadata": {}}, ("STOP",)),
        ({"delta": SimpleNamespace(stop_reason="end_turn"), "type": "message_delta"}, ("end_turn",)),
        ({"stopReason": "tool_use", "output": {}}, ("tool_use",)),
        ({"done_reason": "stop"}, ("stop",)),
        (completed(), ("completed",)),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, ("max_output_tokens",)),
        ({"choices": [{"finish_reason": None}]}, ()),
        ({"choices": 7, "finish_reason": 7}, ()),
        (None, ()),
    ],
    ids=["choices", "mistral", "google", "anthropic", "bedrock", "ollama", "responses", "cut", "open", "odd", "none"],
)
def test_the_reason_of_the_end_is_found(raw: Any, reasons: tuple[str, ...]) -> None:
    assert finish_reasons(raw) == reasons


def test_model_and_id_stand_in_the_event_or_in_the_response_inside_it() -> None:
    found = [(told_in(raw, MODEL), told_in(raw, RESPONSE_ID)) for raw in (chunk(), completed(), None)]
    assert found == [("m", "1"), ("gpt-5-2025-08-07", "resp_1"), ("", "")]


SEARCH = {"type": "web_search_call", "id": "1", "status": "completed", "action": {"type": "search", "query": "q"}}
QUERIES = {"grounding_metadata": {"web_search_queries": ["a", "b"]}, "usage_metadata": Buffer()}
GROQ = {"model": "openai/gpt-oss-120b", "usage": USAGE}
TOOLS: dict[str, tuple[Any, str, Usage]] = {
    "responses": (Response.model_construct(usage=Model(), output=[SEARCH]), "gpt-5", Usage(web_searches=1)),
    "responses-stream": (completed(output=[SEARCH, SEARCH]), "gpt-5", Usage(web_searches=2)),
    "search-model": ({"usage": USAGE}, "gpt-4o-mini-search-preview", Usage(web_searches_medium=1)),
    "grounded-prompt": (QUERIES, "gemini-2.5-flash", Usage(web_searches=1)),
    "grounded-queries": (QUERIES, "gemini-3-flash-preview", Usage(web_searches=2)),
    "not-grounded": (QUERIES | {"grounding_metadata": None}, "gemini-3-flash-preview", Usage()),
    "none": (Response.model_construct(usage=Model(), output=[{"type": "message"}]), "gpt-5", Usage()),
}


@pytest.mark.parametrize(("raw", "model", "run"), TOOLS.values(), ids=TOOLS)
def test_tools_that_the_provider_ran_are_counted(raw: Any, model: str, run: Usage) -> None:
    assert reported_in(SimpleNamespace(raw=raw), "openai", model=model) == Reported(READ + run)


def test_the_models_of_groqs_systems_are_told_apart() -> None:
    raw = chunk(x_groq={"id": "r", "usage": USAGE}, usage_breakdown={"models": [GROQ]})
    expected = Reported(READ, parts=(Part(READ, "openai/gpt-oss-120b"),))
    assert reported_in(SimpleNamespace(raw=raw), "groq") == expected
