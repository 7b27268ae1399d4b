from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import openai
import pytest
from llama_index.core.llms import ChatMessage

from spanmeter_rag.breaker import refusal
from spanmeter_rag.clients import Clients
from spanmeter_rag.patience import is_outage, is_transient
from spanmeter_rag.ports import free
from spanmeter_rag.settings import Resilience, Settings

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import Finish, RunningProvider

IMPATIENT = Resilience(breaker_failures=2, breaker_open_s=600)


def _down(provider: RunningProvider, *models: str) -> None:
    body = {"down": True, "models": list(models)}
    httpx.put(f"{provider.url}/conditions", json=body, trust_env=False).raise_for_status()


def _clients(provider_url: str) -> Clients:
    return Clients(Settings(provider_url=provider_url, resilience=IMPATIENT))


def test_a_model_that_keeps_failing_is_not_asked_any_more_by_either_framework(provider: RunningProvider) -> None:
    _down(provider, "gpt-4o")
    clients = _clients(f"{provider.url}/v1")
    langchain, llama_index = clients.chat_model("gpt-4o"), clients.index_model("gpt-4o", streaming=False)
    with pytest.raises(openai.InternalServerError):
        langchain.invoke("Why?")
    with pytest.raises(openai.InternalServerError):
        llama_index.chat([ChatMessage("Why?")])
    for ask in (lambda: langchain.invoke("Why?"), lambda: llama_index.chat([ChatMessage("Why?")])):
        with pytest.raises(openai.APIConnectionError) as refused:
            ask()
        assert "asked again in 600 s" in str(refusal(refused.value))
        assert (is_transient(refused.value), is_outage(refused.value)) == (False, True)

    assert provider.record.report()["refused"] == 2
    assert clients.chat_model("gpt-4o-mini").invoke("Why?").content


def test_coroutines_share_the_breaker(provider: RunningProvider, finish: Finish) -> None:
    _down(provider)
    clients = _clients(f"{provider.url}/v1")

    async def ask() -> None:
        for kind in (openai.InternalServerError, openai.InternalServerError, openai.APIConnectionError):
            with pytest.raises(kind):
                await clients.chat_model("gpt-4o").ainvoke("Why?")
        with pytest.raises(openai.APIConnectionError):
            clients.chat_model("gpt-4o").invoke("Why?")
        await clients.close()

    finish(ask())
    assert provider.record.report()["refused"] == 2


def test_a_provider_that_is_not_there_opens_it_too() -> None:
    clients = _clients(f"http://127.0.0.1:{free()}/v1")
    for _ in range(2):
        with pytest.raises(openai.APIConnectionError) as refused:
            clients.chat_embeddings().embed_query("Why?")
        assert is_transient(refused.value)
    assert clients.breakers["text-embedding-3-small"].is_open
