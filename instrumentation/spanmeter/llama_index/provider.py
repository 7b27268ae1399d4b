"""Whose model a LlamaIndex class speaks to."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

# Ordered: a name that holds another one comes first.
PROVIDERS: Final = {
    "azureopenai": "azure.ai.openai",
    "azureaiinference": "azure.ai.inference",
    "azureinference": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "vertex": "gcp.vertex_ai",
    "googlegenai": "gcp.gemini",
    "gemini": "gcp.gemini",
    "genai": "gcp.gemini",
    "anthropic": "anthropic",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "groq": "groq",
    "mistral": "mistral_ai",
    "ollama": "ollama",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "voyage": "voyageai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
_OPENAI_NAMES: Final = frozenset({"openai", "openaillm", "openairesponses", "openairesponsesllm", "openaiembedding"})


@lru_cache(maxsize=256)
def provider_of(class_name: str) -> str:
    """The `gen_ai.provider.name` behind a class name as LlamaIndex writes it, such as `openai_llm`; "" when unknown.

    A class that only speaks OpenAI's protocol (`OpenAILike`) names no provider.
    """
    name = "".join(letter for letter in class_name.lower() if letter.isalnum())
    if name in _OPENAI_NAMES:
        return "openai"
    return next((provider for part, provider in PROVIDERS.items() if part in name), "")
