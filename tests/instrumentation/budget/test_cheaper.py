"""A model object that asks another model, by the same clients."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from langchain_core.language_models import FakeListLLM
from langchain_openai import AzureChatOpenAI, AzureOpenAI
from pydantic import SecretStr

from spanmeter.budget import cheaper

ENDPOINT = "https://shop.openai.azure.com"


def azure(kind: Any, models: Any, **options: Any) -> Any:
    clients = {"http_client": models.clients["http_client"], "http_async_client": models.clients["async_http_client"]}
    return kind(azure_endpoint=ENDPOINT, api_version="2024-10-21", api_key=SecretStr("none"), **clients, **options)


@pytest.mark.parametrize("kind", [AzureChatOpenAI, AzureOpenAI])
def test_one_of_an_azure_deployment_asks_the_deployment_of_that_name(models: Any, kind: Any) -> None:
    dear = azure(kind, models, azure_deployment="dear", model="gpt-5")
    other = cheaper.asking(dear, "small")
    assert [_address(model) for model in (dear, other)] == [
        [f"{ENDPOINT}/openai/deployments/dear/"] * 2,
        [f"{ENDPOINT}/openai/"] * 2,
    ]
    assert (other.deployment_name, other.model_name, dear.deployment_name) == ("small", "small", "dear")


def _address(model: Any) -> list[str]:
    return [str(resource._client.base_url) for resource in (model.client, model.async_client)]


def test_a_model_that_nothing_names_goes_on_and_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    cheaper._told.clear()
    with caplog.at_level(logging.WARNING, "spanmeter.budget"):
        assert [cheaper.asking(FakeListLLM(responses=["yes"]), "small") for _ in range(2)] == [None, None]
    assert [record.message for record in caplog.records] == [
        f"a budget cannot have FakeListLLM ask small: the model of a {FakeListLLM} is fixed"
    ]
