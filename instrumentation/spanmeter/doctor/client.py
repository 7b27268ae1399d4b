"""The client classes of both frameworks: how each is pointed at a provider on loopback, with a key that is none."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from spanmeter.doctor import exchanges, openai_exchanges
from spanmeter.doctor.exchange import Exchange

Options = Callable[[str], Mapping[str, Any]]
_NO_KEY: Final = "none"
_QUESTION: Final = "What is two and two?"


@dataclass(frozen=True, slots=True)
class Client:
    """A class of a framework's package; `options` makes its arguments from the provider's address.

    `ask` has it read an exchange to its end, `read` names the exchanges it is asked for.
    """

    package: str
    module: str
    kind: str
    options: Options
    read: Sequence[Exchange]
    ask: Callable[[Any, Exchange], None]

    @property
    def installed(self) -> bool:
        """Whether its package is there."""
        try:
            return importlib.util.find_spec(self.module) is not None
        except ModuleNotFoundError:
            return False

    @property
    def name(self) -> str:
        """The class, its package and the version of that."""
        try:
            return f"{self.kind} of {self.package} {version(self.package)}"
        except PackageNotFoundError:
            return f"{self.kind} of {self.package}"

    def make(self, url: str) -> Any:  # noqa: ANN401  a framework's object
        """An instance that asks the provider at `url`."""
        return getattr(importlib.import_module(self.module), self.kind)(**self.options(url))


def _chain(model: Any, exchange: Exchange) -> None:  # noqa: ANN401  a framework's object
    if hasattr(model, "embed_documents"):
        model.embed_documents([_QUESTION])
    elif exchange.streamed:
        list(model.stream(_QUESTION))
    else:
        model.invoke(_QUESTION)


def _index(model: Any, exchange: Exchange) -> None:  # noqa: ANN401  a framework's object
    if hasattr(model, "get_text_embedding_batch"):
        model.get_text_embedding_batch([_QUESTION])
        return
    messages = [importlib.import_module("llama_index.core.llms").ChatMessage(role="user", content=_QUESTION)]
    if exchange.streamed:
        list(model.stream_chat(messages))
    else:
        model.chat(messages)


def _keyed(exchange: Exchange, *, path: str = "", **more: object) -> Options:
    return lambda url: {
        "model": exchange.model,
        "base_url": url + path,
        "api_key": _NO_KEY,
        "max_retries": 0,
        **more,
    }


def _based(exchange: Exchange, **more: object) -> Options:
    return lambda url: {
        "model": exchange.model,
        "api_base": f"{url}/v1",
        "api_key": _NO_KEY,
        "max_retries": 0,
        **more,
    }


def _azure(url: str) -> Mapping[str, Any]:
    known = {"api_key": _NO_KEY, "api_version": "2024-10-21", "max_retries": 0}
    return {"model": openai_exchanges.AZURE.model, "azure_endpoint": url, "azure_deployment": "ours", **known}


def _bedrock(url: str) -> Mapping[str, Any]:
    keys = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), _NO_KEY)
    return {"model": exchanges.BEDROCK.model, "endpoint_url": url, "region_name": "us-east-1", **keys}


def _google(url: str) -> Mapping[str, Any]:
    types = importlib.import_module("google.genai.types")
    limits = {"context_window": 10_000, "max_tokens": 1000, "max_retries": 0}
    return {
        "model": exchanges.GEMINI.model,
        "api_key": _NO_KEY,
        "http_options": types.HttpOptions(base_url=url),
        **limits,
    }


def _mistral(url: str) -> Mapping[str, Any]:
    return {"model": openai_exchanges.MISTRAL.model, "api_key": _NO_KEY, "endpoint": url, "max_retries": 0}


def _lc(package: str, kind: str, options: Options, *read: Exchange) -> Client:
    return Client(package, package.replace("-", "_"), kind, options, read, _chain)


def _li(package: str, kind: str, options: Options, *read: Exchange) -> Client:
    parts = package.removeprefix("llama-index-").split("-", 1)
    module = f"llama_index.{parts[0]}.{parts[1].replace('-', '_')}"
    return Client(package, module, kind, options, read, _index)


LANGCHAIN: Final = (
    _lc(
        "langchain-openai",
        "ChatOpenAI",
        _keyed(openai_exchanges.CHAT, path="/v1", stream_usage=True),
        openai_exchanges.CHAT,
        openai_exchanges.CHAT_STREAM,
    ),
    _lc(
        "langchain-openai",
        "ChatOpenAI",
        _keyed(openai_exchanges.RESPONSES, path="/v1", use_responses_api=True),
        openai_exchanges.RESPONSES,
    ),
    _lc(
        "langchain-openai",
        "OpenAIEmbeddings",
        _keyed(openai_exchanges.EMBEDDINGS, path="/v1", check_embedding_ctx_length=False),
        openai_exchanges.EMBEDDINGS,
    ),
    _lc("langchain-openai", "AzureChatOpenAI", _azure, openai_exchanges.AZURE),
    _lc(
        "langchain-anthropic",
        "ChatAnthropic",
        _keyed(exchanges.ANTHROPIC, max_tokens=1000),
        exchanges.ANTHROPIC,
        exchanges.ANTHROPIC_STREAM,
    ),
    _lc("langchain-google-genai", "ChatGoogleGenerativeAI", _keyed(exchanges.GEMINI), exchanges.GEMINI),
    _lc("langchain-aws", "ChatBedrockConverse", _bedrock, exchanges.BEDROCK),
    _lc("langchain-mistralai", "ChatMistralAI", _keyed(openai_exchanges.MISTRAL), openai_exchanges.MISTRAL),
    _lc("langchain-groq", "ChatGroq", _keyed(openai_exchanges.GROQ), openai_exchanges.GROQ),
    _lc("langchain-deepseek", "ChatDeepSeek", _based(openai_exchanges.DEEPSEEK), openai_exchanges.DEEPSEEK),
)
LLAMA_INDEX: Final = (
    _li(
        "llama-index-llms-openai",
        "OpenAI",
        _based(openai_exchanges.CHAT, additional_kwargs={}),
        openai_exchanges.CHAT,
    ),
    _li(
        "llama-index-llms-openai",
        "OpenAI",
        _based(openai_exchanges.CHAT_STREAM, additional_kwargs={"stream_options": {"include_usage": True}}),
        openai_exchanges.CHAT_STREAM,
    ),
    _li(
        "llama-index-llms-openai",
        "OpenAIResponses",
        _based(openai_exchanges.RESPONSES),
        openai_exchanges.RESPONSES,
    ),
    _li(
        "llama-index-embeddings-openai",
        "OpenAIEmbedding",
        _based(openai_exchanges.EMBEDDINGS),
        openai_exchanges.EMBEDDINGS,
    ),
    _li(
        "llama-index-llms-anthropic",
        "Anthropic",
        _keyed(exchanges.ANTHROPIC),
        exchanges.ANTHROPIC,
        exchanges.ANTHROPIC_STREAM,
    ),
    _li("llama-index-llms-google-genai", "GoogleGenAI", _google, exchanges.GEMINI),
    _li("llama-index-llms-mistralai", "MistralAI", _mistral, openai_exchanges.MISTRAL),
    _li("llama-index-llms-groq", "Groq", _based(openai_exchanges.GROQ), openai_exchanges.GROQ),
    _li("llama-index-llms-deepseek", "DeepSeek", _based(openai_exchanges.DEEPSEEK), openai_exchanges.DEEPSEEK),
)
