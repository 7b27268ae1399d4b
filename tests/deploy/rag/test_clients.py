from __future__ import annotations

from typing import TYPE_CHECKING

import openai
import pytest
from llama_index.core.llms import ChatMessage

from spanmeter_rag.clients import Clients

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import RunningProvider


def test_langchain_reports_usage_in_streams_too(provider: RunningProvider) -> None:
    model = Clients(provider.settings).chat_model("gpt-4o-mini")
    usages = [part.usage_metadata for part in model.stream("Why?") if part.usage_metadata]
    (entry,) = provider.record.report()["requests"]
    assert [usage["input_tokens"] for usage in usages] == [entry["usage"]["prompt_tokens"]]


def test_llama_index_reports_usage_in_streams_too(provider: RunningProvider) -> None:
    model = Clients(provider.settings).index_model("gpt-4.1-mini", streaming=True)
    *_, last = model.stream_chat([ChatMessage("Why?")])
    (entry,) = provider.record.report()["requests"]
    assert last.raw.usage.prompt_tokens == entry["usage"]["prompt_tokens"]


def test_both_frameworks_embed_alike(provider: RunningProvider) -> None:
    settings = provider.settings
    text = "a loop ends"
    first = Clients(settings).chat_embeddings().embed_query(text)
    assert first == pytest.approx(Clients(settings).index_embeddings().get_query_embedding(text))


def test_a_client_makes_one_attempt_only(refusing_provider: RunningProvider) -> None:
    settings = refusing_provider.settings
    for ask in (Clients(settings).chat_model("gpt-4o").invoke, Clients(settings).chat_embeddings().embed_query):
        with pytest.raises((openai.RateLimitError, openai.InternalServerError)):
            ask("Why?")
    with pytest.raises((openai.RateLimitError, openai.InternalServerError)):
        Clients(settings).index_model("gpt-4o", streaming=False).complete("Why, again?")
    with pytest.raises((openai.RateLimitError, openai.InternalServerError)):
        Clients(settings).index_embeddings().get_query_embedding("Why, again?")
    assert refusing_provider.record.report()["refused"] == 4
