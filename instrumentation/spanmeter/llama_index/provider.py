"""Whose model a LlamaIndex class speaks to."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

from spanmeter.endpoint import NOWHERE, endpoint_at

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
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepinfra": "deepinfra",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "groq": "groq",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "novita": "novita",
    "ollama": "ollama",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "voyage": "voyageai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
_OPENAI_NAMES: Final = frozenset({"openai", "openaillm", "openairesponses", "openairesponsesllm", "openaiembedding"})
_OPENAI_PROTOCOL: Final = frozenset({"openai", ""})
_ADDRESSES: Final = ("api_base", "base_url", "azure_endpoint", "endpoint")
_PACKAGES: Final = ("llms", "embeddings", "postprocessor")


class Server(NamedTuple):
    """Who serves a model: a `gen_ai.provider.name`, and the region when it has prices of its own; "" when unknown."""

    provider: str
    region: str


@lru_cache(maxsize=256)
def provider_of(class_name: str) -> str:
    """The `gen_ai.provider.name` behind a class name as LlamaIndex writes it, such as `openai_llm`; "" when unknown.

    A class that only speaks OpenAI's protocol (`OpenAILike`) names no provider.
    """
    name = "".join(letter for letter in class_name.lower() if letter.isalnum())
    if name in _OPENAI_NAMES:
        return "openai"
    return next((provider for part, provider in PROVIDERS.items() if part in name), "")


def server_of(class_name: str, asked: Any = None) -> Server:  # noqa: ANN401  the framework's door
    """Who serves `asked`, a model of this class.

    A class of OpenAI's protocol may be pointed anywhere: then a known address tells, and an unknown one keeps what
    the class says. A class whose name says nothing is known by its package, `llama_index.llms.<provider>`.
    """
    provider = provider_of(class_name) or _packaged(type(asked).__module__)
    address = _address(asked)
    endpoint = endpoint_at(address) if address else NOWHERE
    if provider in _OPENAI_PROTOCOL:
        provider = endpoint.provider or provider
    return Server(provider, endpoint.region)


@lru_cache(maxsize=256)
def _packaged(module: str) -> str:
    root, _, rest = module.partition(".")
    kind, _, package = rest.partition(".")
    return provider_of(package.partition(".")[0]) if root == "llama_index" and kind in _PACKAGES else ""


def _address(asked: Any) -> str:  # noqa: ANN401  the framework's door
    known = vars(asked) if hasattr(asked, "__dict__") else {}
    return next((address for key in _ADDRESSES if isinstance(address := known.get(key), str) and address), "")
