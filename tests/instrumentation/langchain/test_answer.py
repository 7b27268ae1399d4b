from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation, LLMResult

from spanmeter.answer import ALL_ZERO, Answer
from spanmeter.langchain.answer import model_answer, model_reader
from spanmeter.pricing import Usage

TOTALS = {"input_tokens": 20, "output_tokens": 18, "total_tokens": 38}


def answered(message: Any = None, *, provider: str = "openai", told: Any = None, **output: Any) -> Answer:
    generations: list[Any] = [[ChatGeneration(message=message)]] if message is not None else []
    result = LLMResult(generations=generations, llm_output=output or None)
    return model_answer(result, run_id=uuid4(), provider=provider, told=told or {})


def test_words_that_several_chunks_of_a_stream_brought_are_read_once() -> None:
    merged = {"model_name": "gpt-4ogpt-4o", "finish_reason": "stopstop", "service_tier": "flexflexflex"}
    answer = answered(AIMessage(content="", response_metadata=merged))
    assert (answer.model, answer.finish_reasons, answer.service_tier) == ("gpt-4o", ("stop",), "flex")


def test_the_providers_own_words_go_before_what_langchain_made_of_them() -> None:
    told = {"input_tokens": 4, "cache_creation_input_tokens": 1167, "output_tokens": 289}
    made = {"input_tokens": 0, "output_tokens": 289, "total_tokens": 289}
    answer = answered(AIMessage(content="", usage_metadata=made), provider="anthropic", told=told)
    assert answer.usage == Usage(input=4, cache_write_5m=1167, output=289)


def test_words_without_a_count_leave_what_langchain_made() -> None:
    answer = answered(AIMessage(content="", usage_metadata=TOTALS), told={"service_tier": "standard"})
    assert answer.usage == Usage(input=20, output=18)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"prompt_tokens": 20, "completion_tokens": 18, "prompt_tokens_details": {"cached_tokens": 10}}, 10),
        ({"prompt_tokens": 99, "completion_tokens": 18, "prompt_tokens_details": {"cached_tokens": 10}}, 0),
    ],
    ids=["the-same-totals", "of-more-prompts"],
)
def test_the_cache_is_read_from_the_words_beside_usage_of_the_same_totals(raw: Any, expected: int) -> None:
    message = AIMessage(content="", usage_metadata=TOTALS, response_metadata={"token_usage": raw})
    answer = answered(message, provider="mistral_ai")
    assert answer.usage == Usage(input=20 - expected, cache_read=expected, output=18)


def test_a_cohere_streams_count_is_read() -> None:
    count = {"total_tokens": 49.0, "input_tokens": 4.0, "output_tokens": 45.0}
    answer = answered(AIMessage(content="", response_metadata={"token_count": count}), provider="cohere")
    assert answer.usage == Usage(input=4, output=45)


@pytest.mark.parametrize(
    ("said", "told", "expected"),
    [
        ({"cost": 0.0133, "cost_details": {}}, {}, "0.0133"),
        ({}, {"prompt_tokens": 1, "cost_in_usd_ticks": 4310000}, "0.0004310000"),
        ({}, {"prompt_tokens": 1, "cost": {"total_cost": 0.005}}, "0.005"),
        ({"cost": 1}, {}, None),
    ],
    ids=["openrouter", "xai", "perplexity", "of-nobody-known"],
)
def test_what_the_provider_charged_is_read(said: Any, told: Any, expected: str | None) -> None:
    answer = answered(AIMessage(content="", response_metadata=said), told=told)
    assert answer.reported_usd == (None if expected is None else Decimal(expected))


def test_what_was_generated_is_read_when_asked_for() -> None:
    call = {"name": "add", "args": {"a": 2}, "id": "1"}
    blocks: list[Any] = [
        "One",
        {"type": "thinking", "thinking": "hm"},
        {"type": "image_url", "image_url": {"url": "data:"}},
    ]
    spoken = AIMessage(content=blocks, tool_calls=[call], additional_kwargs={"reasoning_content": "why"})
    answer = answered(spoken)
    assert answer.text is not None
    assert answer.text() == 'One\nhm\nwhy\nadd {"a": 2}'


def test_what_a_completion_says_is_read_from_every_choice() -> None:
    result = LLMResult(generations=[[Generation(text="Four."), Generation(text="Five.")]])
    answer = model_answer(result, run_id=uuid4(), provider="openai")
    assert answer.text is not None
    assert answer.text() == "Four.\nFive."


def test_usage_that_contradicts_itself_is_noted() -> None:
    broken = {"input_tokens": 5, "output_tokens": -2, "total_tokens": 9, "input_token_details": {"cache_read": 50}}
    message = AIMessage.model_construct(content="", usage_metadata=broken, response_metadata={})
    answer = answered(message)
    assert answer.usage is not None
    assert min(answer.usage.input, answer.usage.output) >= 0
    assert answer.usage_notes[0] == "output_tokens is -2, which is no count"


JUNK: tuple[Any, ...] = (
    None,
    "",
    "many",
    -1,
    True,
    float("nan"),
    float("inf"),
    10**30,
    [],
    [{}],
    {},
    {"input_tokens": {}},
    object(),
)


@pytest.mark.parametrize("junk", JUNK, ids=[str(number) for number in range(len(JUNK))])
def test_broken_metadata_never_raises_and_never_counts_below_nothing(junk: Any) -> None:
    usage = {"input_tokens": junk, "output_tokens": junk, "total_tokens": 3, "input_token_details": junk}
    said = dict.fromkeys(("model_name", "id", "finish_reason", "service_tier", "token_usage", "usage", "cost"), junk)
    for made, metadata in ((usage, said), (junk, junk), (usage, junk), (junk, said)):
        message = AIMessage.model_construct(content=junk, id=junk, usage_metadata=made, response_metadata=metadata)
        result = LLMResult.model_construct(generations=[[ChatGeneration.model_construct(message=message)]])
        answer = model_answer(result, run_id=uuid4(), provider="openai", told={"input_tokens": junk, "cost": junk})
        assert all(count > 0 for _, count in (answer.usage or Usage()).filled())
        assert answer.text is not None
        assert isinstance(answer.text(), str)


def test_no_generation_is_no_usage() -> None:
    assert answered().usage is None


def test_the_tier_is_read_from_the_providers_own_words() -> None:
    told = {"prompt_token_count": 5, "candidates_token_count": 1, "traffic_type": "ON_DEMAND_FLEX"}
    assert answered(AIMessage(content=""), provider="gcp.vertex_ai", told=told).service_tier == "flex"


SEARCH = {"type": "web_search_call", "id": "1", "action": {"type": "search", "query": "two and two"}}
PAGE = {"type": "web_search_call", "id": "2", "action": {"type": "open_page", "url": "https://example.org"}}
QUERIES = {"web_search_queries": ["two and two", "sum of two and two"]}
TOOLS: dict[str, tuple[AIMessage, Usage]] = {
    "content": (AIMessage(content=[SEARCH, PAGE, {"type": "text", "text": "4"}]), Usage(web_searches=1)),
    "tool-outputs": (
        AIMessage(content=[{"type": "text", "text": "4"}], additional_kwargs={"tool_outputs": [SEARCH]}),
        Usage(web_searches=1),
    ),
    "search-model": (
        AIMessage(content="4", response_metadata={"model_name": "gpt-4o-search-preview"}),
        Usage(web_searches_medium=1),
    ),
    "grounded-prompt": (
        AIMessage(content="4", response_metadata={"model_name": "gemini-2.5-pro", "grounding_metadata": QUERIES}),
        Usage(web_searches=1),
    ),
    "grounded-queries": (
        AIMessage(content="4", response_metadata={"model_name": "gemini-3-pro-preview", "grounding_metadata": QUERIES}),
        Usage(web_searches=2),
    ),
    "none": (AIMessage(content=[{"type": "text", "text": "4"}]), Usage()),
}


@pytest.mark.parametrize(("message", "run"), TOOLS.values(), ids=TOOLS)
def test_tools_that_the_provider_ran_are_counted(message: AIMessage, run: Usage) -> None:
    metered = message.model_copy(update={"usage_metadata": TOTALS})
    assert answered(metered).usage == Usage(input=20, output=18) + run


def test_what_a_client_heard_of_tools_goes_before_what_its_message_shows() -> None:
    told = {"input_tokens": 20, "output_tokens": 18, "tool_usage": {"web_search": {"num_requests": 3}}}
    message = AIMessage(content=[SEARCH], usage_metadata=TOTALS)
    assert answered(message, told=told).usage == Usage(input=20, output=18, web_searches=3)


def test_tools_alone_are_no_usage() -> None:
    assert answered(AIMessage(content=[SEARCH])).usage is None


def test_what_an_application_does_to_a_message_afterwards_changes_nothing() -> None:
    metered = {**TOTALS, "input_token_details": {"cache_read": 10}, "output_token_details": {"reasoning": 4}}
    said = {"model_name": "gpt-4o", "finish_reason": "stop", "id": "chatcmpl-1", "service_tier": "flex"}
    searched = {"type": "web_search_call", "id": "ws_1", "action": {"type": "search"}}
    message = AIMessage(content=[{"type": "text", "text": "No."}], usage_metadata=metered, response_metadata=said)
    message.content.append(searched)  # type: ignore[union-attr]
    result = LLMResult(generations=[[ChatGeneration(message=message)]], llm_output={"system_fingerprint": "fp"})
    options: Any = {"run_id": uuid4(), "provider": "openai"}
    expected, later = model_answer(result, **options), model_reader(result, **options)

    for held in (message.usage_metadata, message.response_metadata, result.llm_output):
        for inner in held.values():  # type: ignore[union-attr]
            if isinstance(inner, dict):
                inner.clear()
        held.clear()  # type: ignore[union-attr]
    message.content.clear()  # type: ignore[union-attr]
    result.generations.clear()

    assert replace(later.read(), text=None) == replace(expected, text=None)
    assert (expected.finish_reasons, expected.usage.cache_read) == (("stop",), 10)  # type: ignore[union-attr]


def test_what_has_to_be_counted_is_read_before_an_application_can_change_it() -> None:
    message = AIMessage(content="No.")
    result = LLMResult(generations=[[ChatGeneration(message=message)]])
    later = model_reader(result, run_id=uuid4(), provider="openai")
    answer = later.read()
    message.content = ""
    assert (later.tells_usage, answer.text()) == (False, "No.")  # type: ignore[misc]


def test_what_was_said_beside_counts_that_are_all_zero_is_there_to_be_counted() -> None:
    none = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "input_token_details": {"cache_read": 0}}
    told = {"prompt_tokens": 0, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 0}}
    answer = answered(AIMessage(id="1", content="Four.", usage_metadata=none), told=told)
    assert (answer.usage, answer.usage_notes, answer.text and answer.text()) == (None, (ALL_ZERO,), "Four.")
