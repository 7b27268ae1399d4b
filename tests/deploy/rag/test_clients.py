from __future__ import annotations

from typing import TYPE_CHECKING

import openai
import pytest
from llama_index.core.llms import ChatMessage

from spanmeter_rag.clients import chat_embeddings, chat_model, index_embeddings, index_model

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import RunningProvider


def test_langchain_reports_usage_in_streams_too(provider: RunningProvider) -> None:
    model = chat_model(provider.settings, "gpt-4o-mini")
    usages = [part.usage_metadata for part in model.stream("Why?") if part.usage_metadata]
    (entry,) = provider.record.report()["requests"]
    assert [usage["input_tokens"] for usage in usages] == [entry["usage"]["prompt_tokens"]]


def test_llama_index_reports_usage_in_streams_too(provider: RunningProvider) -> None:
    model = index_model(provider.settings, "gpt-4.1-mini", streaming=True)
    *_, last = model.stream_chat([ChatMessage("Why?")])
    (entry,) = provider.record.report()["requests"]
    assert last.raw.usage.prompt_tokens == entry["usage"]["prompt_tokens"]


def test_both_frameworks_embed_alike(provider: RunningProvider) -> None:
    settings = provider.settings
    text = "a loop ends"
    first = chat_embeddings(settings).embed_query(text)
    assert first == pytest.approx(index_embeddings(settings).get_query_embedding(text))


def test_a_client_makes_one_attempt_only(refusing_provider: RunningProvider) -> None:
    settings = refusing_provider.settings
    for ask in (chat_model(settings, "gpt-4o").invoke, chat_embeddings(settings).embed_query):
        with pytest.raises((openai.RateLimitError, openai.InternalServerError)):
            ask("Why?")
    with pytest.raises((openai.RateLimitError, openai.InternalServerError)):
        index_model(settings, "gpt-4o", streaming=False).complete("Why, again?")
    with pytest.raises((openai.RateLimitError, openai.InternalServerError)):
        index_embeddings(settings).get_query_embedding("Why, again?")
    assert refusing_provider.record.report()["refused"] == 4
