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
    "azure_ai": "azure",
    "azure_openai": "azure",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "google-vertex": "google",
    "jina_ai": "jina",
    "jinaai": "jina",
    "vertex_ai": "google",
    "vertexai": "google",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "moonshot_ai": "moonshotai",
    "together_ai": "together",
    "togetherai": "together",
    "voyage": "voyageai",
    "x_ai": "x-ai",
    "xai": "x-ai",
}

_VERTEX: Final = frozenset({"gcp.vertex_ai", "google_vertexai", "google-vertex", "vertex_ai", "vertexai"})
_PATH: Final = re.compile(
    r"^(?:(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/[^/]+/)?models/"
    r"|arn:aws[^:]*:bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)/)"
)
_CONTEXT: Final = re.compile(r"-\d+k(?=-\d{8})")
_GLOBAL: Final = re.compile(r"^global(?:-standard)?/")
# https://docs.litellm.ai/docs/providers: names that LiteLLM takes without a provider before them.
_LITELLM: Final = (
    (re.compile(r"gpt-|chatgpt-|o\d|ft:|text-embedding-(?:3|ada)|whisper-1|tts-1|dall-e"), "openai"),
    (re.compile(r"claude-"), "anthropic"),
)
_ROUTES: Final = frozenset({"anthropic", "azure", "bedrock", "gemini", "google", "litellm", "openai", "vertex_ai"})


def provider_id(provider: str) -> str:
    """The price list's id of a provider named as `gen_ai.provider.name` or as a framework names it."""
    name = provider.strip().lower()
    return PROVIDERS.get(name, name)


def platform(provider: str) -> str:
    """Where a provider sells at prices of its own what it is listed with only once: `google-vertex`, else ""."""
    return "google-vertex" if provider.strip().lower() in _VERTEX else ""


def listed_provider(provider: str, model: str) -> str:
    """The price list's id of whoever serves `model`; LiteLLM names that provider before the model."""
    if provider.strip().lower() != "litellm":
        return provider_id(provider)
    prefix, slash, _ = model.partition("/")
    if slash:
        return provider_id(prefix)
    name = model.strip().lower()
    return next((listed for pattern, listed in _LITELLM if pattern.match(name)), "")


def model_names(provider: str, model: str) -> tuple[str, ...]:
    """The names under which a listed provider may list a model, the likeliest first, without repeats.

    A resource path (`models/…`, `arn:aws:bedrock:…/`) and the provider's own name are no part of a model's. The prefix
    of another route (`openai/…`), the length of a context (`-48k-`, as Bedrock answers) and a variant after a colon
    (`:online`, `-v1:0`) are taken off one after the other. A free variant is not the paid one.
    """
    literal = model.strip().lower()
    names = [_PATH.sub("", literal)]
    prefix, _, rest = names[0].partition("/")
    if prefix == "openrouter":
        names.append(rest)
    elif provider != "openrouter" and provider_id(prefix) == provider:
        names[:0] = [rest, _GLOBAL.sub("", rest)]
    elif provider != "openrouter" and prefix in _ROUTES:
        names += [rest, _GLOBAL.sub("", rest)]
    bare = _CONTEXT.sub("", _GLOBAL.sub("", rest) if rest in names else names[0])
    names.append(bare)
    if not bare.startswith(("ft:", "arn:")) and not bare.endswith(":free"):
        names.append(bare.partition(":")[0])
    return tuple(dict.fromkeys(name for name in (*names, literal) if name))
