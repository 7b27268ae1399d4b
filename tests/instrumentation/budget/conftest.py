"""Applications of both frameworks on the local provider, and budgets that end with their test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import llama_index.core
import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI
from pydantic import SecretStr

from spanmeter.budget.budgets import budgets


@pytest.fixture(autouse=True)
def _no_budget_is_left() -> Iterator[None]:
    yield
    for name in tuple(budgets.accounts):
        budgets.remove(name)


class Models:
    """Model objects of both frameworks, whose clients close with the test."""

    def __init__(self, url: str, clients: dict[str, Any], spans: Any) -> None:
        self.url = f"{url}/v1"
        self.spans = spans
        self.clients = clients

    def langchain(self, model: str = "gpt-5", **options: Any) -> ChatOpenAI:
        return ChatOpenAI(
            model=model,
            api_key=SecretStr("none"),
            base_url=self.url,
            max_retries=0,
            stream_usage=True,
            http_client=self.clients["http_client"],
            http_async_client=self.clients["async_http_client"],
            **options,
        )

    def llama_index(self, model: str = "gpt-5", **options: Any) -> OpenAI:
        usage = {"stream_options": {"include_usage": True}}
        return OpenAI(
            model=model,
            api_key="none",
            api_base=self.url,
            max_retries=0,
            additional_kwargs=usage,
            **self.clients,
            **options,
        )

    def langchain_embeddings(self) -> OpenAIEmbeddings:
        return OpenAIEmbeddings(
            model="text-embedding-3-small",
            api_key=SecretStr("none"),
            base_url=self.url,
            max_retries=0,
            check_embedding_ctx_length=False,
            http_client=self.clients["http_client"],
            http_async_client=self.clients["async_http_client"],
        )

    def llama_index_embeddings(self, **options: Any) -> Any:
        model = "text-embedding-3-small"
        return OpenAIEmbedding(model=model, api_key="none", api_base=self.url, max_retries=0, **self.clients, **options)


@pytest.fixture
async def models(provider: Any, instrumented: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Models]:
    monkeypatch.setattr(llama_index.core, "global_tokenizer", str.split)
    async with httpx.AsyncClient() as asynchronous:
        with httpx.Client() as synchronous:
            yield Models(provider.url, {"http_client": synchronous, "async_http_client": asynchronous}, instrumented)
