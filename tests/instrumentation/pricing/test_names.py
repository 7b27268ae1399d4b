from __future__ import annotations

import pytest

from spanmeter.pricing.names import listed_provider, model_names, platform

NAMES = {
    "plain": ("openai", "gpt-4o", ("gpt-4o",)),
    "case-and-space": ("openai", " GPT-4o ", ("gpt-4o",)),
    "azure-prefix": ("azure", "azure/gpt-4o", ("gpt-4o", "azure/gpt-4o")),
    "models-path": ("google", "models/gemini-2.5-pro", ("gemini-2.5-pro", "models/gemini-2.5-pro")),
    "publisher-path": (
        "google",
        "projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro",
        ("gemini-2.5-pro", "projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro"),
    ),
    "vertex-prefix": ("google", "vertex_ai/gemini-2.5-pro", ("gemini-2.5-pro", "vertex_ai/gemini-2.5-pro")),
    "google-prefix": ("google", "google/gemini-2.5-pro", ("gemini-2.5-pro", "google/gemini-2.5-pro")),
    "route-of-another": ("azure", "openai/gpt-4o", ("openai/gpt-4o", "gpt-4o")),
    "maker-is-part-of-the-name": ("groq", "meta-llama/llama-4", ("meta-llama/llama-4",)),
    "bedrock-context": (
        "aws",
        "claude-3-haiku-48k-20240307",
        ("claude-3-haiku-48k-20240307", "claude-3-haiku-20240307"),
    ),
    "azure-global": ("azure", "azure/global/gpt-4o", ("global/gpt-4o", "gpt-4o", "azure/global/gpt-4o")),
    "together-prefix": ("together", "together_ai/qwen/qwen3", ("qwen/qwen3", "together_ai/qwen/qwen3")),
    "openrouter-prefix": ("openrouter", "openrouter/openai/gpt-4o", ("openrouter/openai/gpt-4o", "openai/gpt-4o")),
    "openrouter-keeps-the-maker": ("openrouter", "openai/gpt-4o:online", ("openai/gpt-4o:online", "openai/gpt-4o")),
    "free-is-not-the-paid-one": ("openrouter", "x/y:free", ("x/y:free",)),
    "fine-tuned": ("openai", "ft:gpt-4.1:acme::1", ("ft:gpt-4.1:acme::1",)),
    "bedrock-version": ("aws", "amazon.nova-lite-v1:0", ("amazon.nova-lite-v1:0", "amazon.nova-lite-v1")),
    "bedrock-arn": (
        "aws",
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
        (
            "amazon.nova-lite-v1:0",
            "amazon.nova-lite-v1",
            "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
        ),
    ),
    "bedrock-arn-of-an-application": (
        "aws",
        "arn:aws:bedrock:us-east-1:1:application-inference-profile/x1",
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/x1",),
    ),
    "empty": ("openai", "", ()),
}


@pytest.mark.parametrize(("provider", "model", "expected"), NAMES.values(), ids=NAMES)
def test_names_of_a_model(provider: str, model: str, expected: tuple[str, ...]) -> None:
    assert model_names(provider, model) == expected


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("azure.ai.openai", "gpt-4o", "azure"),
        ("gcp.gemini", "gemini-2.5-pro", "google"),
        ("AWS.Bedrock", "m", "aws"),
        ("openai", "gpt-4o", "openai"),
        ("litellm", "anthropic/claude-opus-4-6", "anthropic"),
        ("litellm", "gpt-4o", "openai"),
        ("litellm", "o3-mini", "openai"),
        ("litellm", "claude-sonnet-4-5", "anthropic"),
        ("litellm", "my-deployment", ""),
        ("together_ai", "m", "together"),
        ("jina_ai", "m", "jina"),
    ],
)
def test_providers_of_the_convention_are_found_in_the_list(provider: str, model: str, expected: str) -> None:
    assert listed_provider(provider, model) == expected


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("google-vertex", "google-vertex"),
        ("gcp.vertex_ai", "google-vertex"),
        (" Vertex_AI", "google-vertex"),
        ("google", ""),
    ],
)
def test_vertex_is_a_platform_with_prices_of_its_own(provider: str, expected: str) -> None:
    assert platform(provider) == expected
