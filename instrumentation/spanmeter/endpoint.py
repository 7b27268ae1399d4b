"""Who answers at an address: a client of OpenAI's protocol names OpenAI, wherever it is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, urlsplit

from spanmeter import semconv

PROVIDERS: Final[Mapping[str, str]] = {
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "api.anthropic.com": "anthropic",
    "api.cerebras.ai": "cerebras",
    "api.cohere.ai": "cohere",
    "api.cohere.com": "cohere",
    "api.deepinfra.com": "deepinfra",
    "api.deepseek.com": "deepseek",
    "api.fireworks.ai": "fireworks",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "api.novita.ai": "novita",
    "api.openai.com": "openai",
    "api.perplexity.ai": "perplexity",
    "api.together.ai": "together",
    "api.together.xyz": "together",
    "api.voyageai.com": "voyageai",
    "api.x.ai": "x_ai",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "inference.ai.azure.com": "azure.ai.inference",
    "models.ai.azure.com": "azure.ai.inference",
    "openai.azure.com": "azure.ai.openai",
    "openrouter.ai": "openrouter",
    "router.huggingface.co": "huggingface",
    "services.ai.azure.com": "azure.ai.inference",
}
"""Whose bill comes for a request to a host or to a host below it, as `gen_ai.provider.name`."""

_BEDROCK: Final = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com$")
_REGION: Final = re.compile(r"(?:([a-z0-9-]+)-aiplatform\.googleapis|([a-z]{2})\.api\.openai)\.com$")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address, who is known to answer there ("" when nobody is) and the region its name tells ("" when none)."""

    address: str = ""
    port: int | None = None
    provider: str = ""
    region: str = ""

    @property
    def attributes(self) -> dict[str, str | int]:
        """Spell the address as span attributes."""
        attributes: dict[str, str | int] = {}
        if self.address:
            attributes[semconv.SERVER_ADDRESS] = self.address
        if self.port is not None:
            attributes[semconv.SERVER_PORT] = self.port
        return attributes


NOWHERE: Final = Endpoint()
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


@lru_cache(maxsize=1024)
def endpoint_at(url: str) -> Endpoint:
    """Read a base URL; what is no URL is an endpoint nothing is known of.

    A host nobody knows, a company's gateway or a server of one's own, keeps the provider the client names.
    """
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        return _endpoint(parts)
    except ValueError:
        return NOWHERE


def _endpoint(parts: SplitResult) -> Endpoint:
    host = (parts.hostname or "").rstrip(".")
    bedrock, regional = _BEDROCK.match(host), _REGION.match(host)
    if bedrock:
        return Endpoint(host, parts.port or _DEFAULT_PORTS.get(parts.scheme), "aws.bedrock", bedrock[1])
    region = (regional[1] or regional[2]) if regional else ""
    return Endpoint(host, parts.port or _DEFAULT_PORTS.get(parts.scheme), _provider(host), region)


def _provider(host: str) -> str:
    # Vertex AI puts the region before its name with a hyphen: us-east5-aiplatform.googleapis.com.
    host = host[host.index("aiplatform.") :] if host.endswith("-aiplatform.googleapis.com") else host
    while host:
        if host in PROVIDERS:
            return PROVIDERS[host]
        host = host.partition(".")[2]
    return ""
