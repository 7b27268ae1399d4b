"""The many names of providers and models, and the ones the price list knows."""

from __future__ import annotations

import re
from typing import Final

PROVIDERS: Final = {
    "aws.bedrock": "aws",
    "aws-bedrock": "aws",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "amazon_bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "google-vertex": "google",
    "vertex_ai": "google",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot_ai": "moonshotai",
    "voyage": "voyageai",
    "x_ai": "x-ai",
    "xai": "x-ai",
}

_PATH: Final = re.compile(r"^(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/[^/]+/)?models/")
_ROUTES: Final = frozenset({"anthropic", "azure", "bedrock", "gemini", "google", "litellm", "openai", "vertex_ai"})


def provider_id(provider: str) -> str:
    """The price list's id of a provider named as `gen_ai.provider.name` or as a framework names it."""
    name = provider.strip().lower()
    return PROVIDERS.get(name, name)


def listed_provider(provider: str, model: str) -> str:
    """The price list's id of whoever serves `model`; LiteLLM names that provider before the model."""
    if provider.strip().lower() != "litellm":
        return provider_id(provider)
    prefix, slash, _ = model.partition("/")
    return provider_id(prefix) if slash else ""


def model_names(provider: str, model: str) -> tuple[str, ...]:
    """The names under which a listed provider may list a model, the most literal first, without repeats.

    Resource paths (`models/…`, `publishers/google/models/…`), a routing prefix (`azure/…`, `openai/…`) and
    a variant after a colon (`:online`, `-v1:0`) are taken off one after the other. A free variant is not the paid one.
    """
    literal = model.strip().lower()
    names = [literal, _PATH.sub("", literal)]
    prefix, _, rest = names[-1].partition("/")
    if provider != "openrouter" and (provider_id(prefix) == provider or prefix in _ROUTES):
        names.append(rest)
    if not names[-1].startswith(("ft:", "arn:")) and not names[-1].endswith(":free"):
        names.append(names[-1].partition(":")[0])
    return tuple(dict.fromkeys(name for name in names if name))
