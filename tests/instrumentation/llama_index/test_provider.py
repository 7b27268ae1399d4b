"""Providers by the class names LlamaIndex writes into its events."""

from __future__ import annotations

import pytest

from spanmeter.llama_index.provider import provider_of


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
