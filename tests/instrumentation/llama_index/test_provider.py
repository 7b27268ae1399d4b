"""Providers by the class names LlamaIndex writes into its events."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from spanmeter.llama_index.provider import Server, provider_of, server_of


@pytest.mark.parametrize(
    ("class_name", "provider"),
    [
        ("openai_llm", "openai"),
        ("openai_responses_llm", "openai"),
        ("OpenAIEmbedding", "openai"),
        ("azure_openai_llm", "azure.ai.openai"),
        ("AzureOpenAIEmbedding", "azure.ai.openai"),
        ("Anthropic_LLM", "anthropic"),
        ("Bedrock_Converse_LLM", "aws.bedrock"),
        ("MistralAI_LLM", "mistral_ai"),
        ("Gemini_LLM", "gcp.gemini"),
        ("CohereRerank", "cohere"),
        ("OpenAILike", ""),
        ("structured_llm", ""),
        ("", ""),
    ],
)
def test_the_provider_is_known_by_the_class(class_name: str, provider: str) -> None:
    assert provider_of(class_name) == provider


@pytest.mark.parametrize(
    ("class_name", "asked", "server"),
    [
        ("openai_llm", {"api_base": "https://api.openai.com/v1"}, Server("openai", "")),
        ("openai_llm", {"api_base": "https://eu.api.openai.com/v1"}, Server("openai", "eu")),
        ("openai_llm", {"api_base": "https://api.groq.com/openai/v1"}, Server("groq", "")),
        ("openai_llm", {"api_base": "http://127.0.0.1:8000/v1"}, Server("openai", "")),
        ("OpenAILike", {"api_base": "https://openrouter.ai/api/v1"}, Server("openrouter", "")),
        ("OpenAILike", {"api_base": "http://localhost:1234/v1"}, Server("", "")),
        ("Anthropic_LLM", {"base_url": "https://openrouter.ai/api"}, Server("anthropic", "")),
        ("azure_openai_llm", {"azure_endpoint": "https://ours.openai.azure.com"}, Server("azure.ai.openai", "")),
        ("OpenAIEmbedding", {"api_base": None}, Server("openai", "")),
        ("OpenAILike", {"api_base": 7}, Server("", "")),
    ],
)
def test_a_class_of_openais_protocol_is_served_by_the_address(
    class_name: str, asked: dict[str, Any], server: Server
) -> None:
    assert server_of(class_name, SimpleNamespace(**asked)) == server


@pytest.mark.parametrize(
    ("module", "provider"),
    [
        ("llama_index.llms.cerebras.base", "cerebras"),
        ("llama_index.llms.openai_like.base", ""),
        ("llama_index.core.llms.mock", ""),
        ("cohere.mine", ""),
    ],
)
def test_a_class_whose_name_says_nothing_is_known_by_its_package(module: str, provider: str) -> None:
    asked = type("Mine", (), {"__module__": module})()
    assert server_of("Mine", asked) == Server(provider, "")


@pytest.mark.parametrize("asked", [None, 7, object()])
def test_no_instance_leaves_what_the_class_says(asked: Any) -> None:
    assert server_of("openai_llm", asked) == Server("openai", "")
