"""Usage is counted here within the stated error, whatever the texts hold, and never by the network."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spanmeter.estimate import Estimate, counting, estimate
from spanmeter.pricing import Usage

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["location"],
        },
    },
}
JOKE = "Tell me a joke about opentelemetry"
TOOLS = json.dumps([WEATHER])


def counted(model: str, *prompt: str, answer: str = "", **options: Any) -> Estimate:
    return estimate(provider="", model=model, prompt=prompt, answer=answer, **options)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param("gpt-4o", Estimate(Usage(input=16, output=2), "tiktoken:o200k_base", 0.474), id="newest encoding"),
        pytest.param("gpt-4", Estimate(Usage(input=15, output=2), "tiktoken:cl100k_base", 0.501), id="older encoding"),
        pytest.param(
            "claude-3-opus", Estimate(Usage(input=17, output=2), "tiktoken:o200k_base*1.15", 3.258), id="near"
        ),
        pytest.param("own-model", Estimate(Usage(input=17, output=2), "tiktoken:o200k_base*1.05", 2.355), id="unknown"),
    ],
)
def test_a_prompt_is_counted_with_the_encoding_and_the_framing_of_its_model(model: str, expected: Estimate) -> None:
    assert counted(model, JOKE, answer="No joke") == expected


@pytest.mark.parametrize(
    ("model", "messages", "tools", "reported"),
    [
        pytest.param("gpt-3.5-turbo-0125", [JOKE], 0, 15, id="openai"),
        pytest.param("gpt-4-0613", ["What's the weather like in Boston?"], 1, 82, id="openai tools"),
        pytest.param("claude-3-opus-20240229", [JOKE], 0, 17, id="anthropic"),
        pytest.param("claude-3-5-sonnet-20240620", ["What's the weather like in SF?"], 1, 514, id="anthropic tools"),
    ],
)
def test_a_count_is_within_its_band_of_what_the_provider_reported(
    model: str, messages: list[str], tools: int, reported: int
) -> None:
    found = counted(model, *messages, *[TOOLS] * tools)

    assert abs(found.usage.input_tokens - reported) <= found.error_band * reported


def test_definitions_of_tools_may_come_in_one_text_or_many() -> None:
    one, many = counted("claude-3-opus", JOKE, TOOLS), counted("claude-3-opus", JOKE, *[json.dumps(WEATHER)] * 1)

    assert abs(one.usage.input - many.usage.input) <= 2
    assert one.usage.input > 500


def test_embeddings_have_no_chat_around_them() -> None:
    expected = Estimate(Usage(input=3), "tiktoken:cl100k_base", 0.363)
    assert counted("text-embedding-3-small", "a", "b c", operation="embeddings") == expected


def test_many_tokens_are_known_better_than_few() -> None:
    assert counted("gpt-5", JOKE * 1_000).error_band < counted("gpt-5", JOKE).error_band


@pytest.mark.parametrize(
    "text", ["a", " ", "\n", "中", "a b\n", "\ud800"], ids=["word", "space", "line", "han", "text", "half"]
)
@pytest.mark.parametrize("method", ["tiktoken:o200k_base:excerpt", "characters:excerpt"])
def test_ten_megabytes_of_anything_are_counted_by_an_excerpt(
    text: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted("gpt-5", "the encoding is read once")
    if method.startswith("characters"):
        monkeypatch.setattr(counting, "encoding", lambda _: None)
    found = counted("gpt-5", text * (10_000_000 // len(text)), answer="b")

    assert found.usage.input > 500
    assert found.method == method


def test_an_excerpt_speaks_for_the_whole() -> None:
    words = " ".join(f"word {number} of many, 中文;" for number in range(100_000))
    whole = sum(counted("gpt-5", words[at : at + 500_000]).usage.input - 7 for at in range(0, len(words), 500_000))

    assert counted("gpt-5", words).usage.input == pytest.approx(whole, rel=0.02)


def test_without_any_encoding_characters_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "encoding", lambda _: None)

    assert counted("claude-3-opus", JOKE, answer="No joke") == Estimate(
        Usage(input=15, output=2), "characters*1.15", 3.789
    )


def test_nothing_said_is_nothing_counted() -> None:
    assert counted("gpt-5", operation="embeddings").usage == Usage()
