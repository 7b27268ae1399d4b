"""Models are known by their names, whoever serves them."""

from __future__ import annotations

import pytest

from spanmeter.estimate.families import OTHER, family_of


@pytest.mark.parametrize(
    ("name", "same_as"),
    [
        ("openai/gpt-5-mini-2025-08-07", "gpt-5"),
        ("o3-mini", "gpt-5"),
        ("azure.ai.openai/my-gpt-4o", "gpt-4"),
        ("groq/openai/gpt-oss-120b", "gpt-oss"),
        ("aws.bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude"),
        ("anthropic/claude-opus-4-8", "claude-opus-5"),
        ("openrouter/google/gemini-2.5-pro", "gemini"),
        ("mistral_ai/open-mixtral-8x22b", "mistral"),
        ("groq/llama-3.3-70b-versatile", "llama"),
    ],
)
def test_a_family_is_found_behind_what_serves_it(name: str, same_as: str) -> None:
    assert family_of(name) is family_of(same_as) is not OTHER


@pytest.mark.parametrize("name", ["", "/", "voyageai/voyage-3", "/foo1-chat", "ollama/qwen3"])
def test_any_other_model_is_known_least(name: str) -> None:
    assert family_of(name) is OTHER
