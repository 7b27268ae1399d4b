"""Who answers at an address."""

from __future__ import annotations

import pytest

from spanmeter.endpoint import NOWHERE, Endpoint, endpoint_at

ENDPOINTS = {
    "https://api.openai.com/v1": Endpoint("api.openai.com", 443, "openai"),
    "https://eu.api.openai.com/v1": Endpoint("eu.api.openai.com", 443, "openai", "eu"),
    "https://api.deepseek.com": Endpoint("api.deepseek.com", 443, "deepseek"),
    "https://openrouter.ai/api/v1": Endpoint("openrouter.ai", 443, "openrouter"),
    "https://api.together.xyz/v1": Endpoint("api.together.xyz", 443, "together"),
    "https://api.groq.com/openai/v1": Endpoint("api.groq.com", 443, "groq"),
    "https://api.x.ai/v1": Endpoint("api.x.ai", 443, "x_ai"),
    "https://API.Mistral.AI/v1": Endpoint("api.mistral.ai", 443, "mistral_ai"),
    "https://generativelanguage.googleapis.com/v1beta/openai/": Endpoint(
        "generativelanguage.googleapis.com", 443, "gcp.gemini"
    ),
    "https://acme.openai.azure.com/": Endpoint("acme.openai.azure.com", 443, "azure.ai.openai"),
    "https://us-east5-aiplatform.googleapis.com": Endpoint(
        "us-east5-aiplatform.googleapis.com", 443, "gcp.vertex_ai", "us-east5"
    ),
    "https://bedrock-runtime.eu-west-1.amazonaws.com": Endpoint(
        "bedrock-runtime.eu-west-1.amazonaws.com", 443, "aws.bedrock", "eu-west-1"
    ),
    "http://127.0.0.1:8000/v1": Endpoint("127.0.0.1", 8000),
    "http://[::1]:8000/v1": Endpoint("::1", 8000),
    "gateway.acme.example/v1": Endpoint("gateway.acme.example"),
    "https://notapi.groq.com.evil.example": Endpoint("notapi.groq.com.evil.example", 443),
    "": NOWHERE,
    "http://[half": NOWHERE,
    "http://host:notaport": NOWHERE,
}


@pytest.mark.parametrize(("url", "endpoint"), ENDPOINTS.items(), ids=ENDPOINTS)
def test_an_address_names_the_provider_that_is_known_there(url: str, endpoint: Endpoint) -> None:
    assert endpoint_at(url) == endpoint


def test_an_address_is_said_in_the_conventions_words() -> None:
    assert endpoint_at("http://127.0.0.1:8000/v1").attributes == {"server.address": "127.0.0.1", "server.port": 8000}
    assert NOWHERE.attributes == {}
