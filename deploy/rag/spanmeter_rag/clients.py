"""The real client packages, pointed at the provider; their own retries are off (see `patience`)."""

from __future__ import annotations

from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI
from pydantic import SecretStr

from spanmeter_rag.settings import Settings

BATCH = 128  # texts in one embeddings request


def chat_model(settings: Settings, model: str) -> ChatOpenAI:
    """Return a LangChain chat model; usage is asked for in streams, which custom addresses need said."""
    return ChatOpenAI(
        model=model,
        base_url=settings.provider_url,
        api_key=SecretStr(settings.api_key),
        timeout=settings.timeout_s,
        max_retries=0,
        stream_usage=True,
    )


def chat_embeddings(settings: Settings) -> OpenAIEmbeddings:
    """Return LangChain embeddings; texts go out as they are, so that no tokenizer is downloaded to measure them."""
    return OpenAIEmbeddings(
        model=settings.models.embedding,
        base_url=settings.provider_url,
        api_key=SecretStr(settings.api_key),
        timeout=settings.timeout_s,
        max_retries=0,
        chunk_size=BATCH,
        check_embedding_ctx_length=False,
    )


def index_model(settings: Settings, model: str, *, streaming: bool) -> OpenAI:
    """Return a LlamaIndex model; only one that streams may ask for usage in the stream."""
    return OpenAI(
        model=model,
        api_base=settings.provider_url,
        api_key=settings.api_key,
        timeout=settings.timeout_s,
        max_retries=0,
        additional_kwargs={"stream_options": {"include_usage": True}} if streaming else {},
    )


def index_embeddings(settings: Settings) -> OpenAIEmbedding:
    """Return LlamaIndex embeddings."""
    return OpenAIEmbedding(
        model=settings.models.embedding,
        api_base=settings.provider_url,
        api_key=settings.api_key,
        timeout=settings.timeout_s,
        max_retries=0,
        embed_batch_size=BATCH,
    )
