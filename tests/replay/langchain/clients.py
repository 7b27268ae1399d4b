"""LangChain's clients, each made to talk to a player, and whose recordings each of them understands."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.replay.recording import Recording

_IN_PATH: Final = re.compile(r"/(?:models?|deployments)/(.+?)(?::\w*[gG]enerateContent|/converse.*|/invoke.*|/chat.*)$")
Options = Callable[[str, str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Client:
    """A client class; `answers` matches the URLs of recordings it can read.

    `options` takes the player's URL and the model, `provider` is the one its recordings are billed by.
    """

    module: str
    kind: str
    answers: str
    provider: str
    options: Options

    @property
    def name(self) -> str:
        """The client's class."""
        return self.kind

    @property
    def installed(self) -> bool:
        """Whether its package is there."""
        return importlib.util.find_spec(self.module) is not None

    def reads(self, recording: Recording) -> bool:
        """Tell whether a recording is one of this client's."""
        return bool(re.search(self.answers, recording.url.partition("?")[0]))

    def model(self, recording: Recording) -> str:
        """Return the model that was asked: it stands in the request, or in the path."""
        in_path = _IN_PATH.search(recording.url)
        return str(recording.asked.get("model") or (in_path[1] if in_path else "unknown"))

    def make(self, url: str, model: str) -> Any:
        """Make the client talk to a player."""
        return getattr(importlib.import_module(self.module), self.kind)(**self.options(url, model))


def _keyed(**more: Any) -> Options:
    return lambda url, model: {"model": model, "base_url": url, "api_key": "none", "max_retries": 0, **more}


def _aws(url: str, model: str) -> dict[str, Any]:
    keys = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "none")
    return {"model": model, "endpoint_url": url, "region_name": "us-east-1", **keys}


def _azure(url: str, model: str) -> dict[str, Any]:
    return {"model": model, "azure_endpoint": url, "api_key": "none", "api_version": "2024-10-21", "max_retries": 0}


def _perplexity(url: str, model: str) -> dict[str, Any]:
    os.environ["PERPLEXITY_BASE_URL"] = url  # the client takes no address
    return {"model": model, "api_key": "none", "max_retries": 0}


def _vertex(url: str, model: str) -> dict[str, Any]:
    from google.oauth2.credentials import Credentials  # type: ignore[import-untyped]  # noqa: PLC0415

    known = {"project": "p", "location": "us-central1", "credentials": Credentials("none")}
    return {"model": model, "base_url": url, "vertexai": True, "max_retries": 0, **known}


_CHAT: Final = r"/chat/completions"
_OWN_CLIENTS: Final = r"mistral\.ai|groq\.com|deepseek\.com|x\.ai|openrouter\.ai|perplexity\.ai|together|azure\.com"

CLIENTS: Final = (
    Client("langchain_openai", "ChatOpenAI", rf"^(?!.*({_OWN_CLIENTS})).*{_CHAT}", "openai", _keyed()),
    Client(
        "langchain_openai", "ChatOpenAI", r"(?<!deepseek\.com)/responses$", "openai", _keyed(use_responses_api=True)
    ),
    Client("langchain_openai", "AzureChatOpenAI", rf"azure\.com.*{_CHAT}", "azure.ai.openai", _azure),
    Client("langchain_openai", "OpenAI", r"(?<!/chat)/completions$", "openai", _keyed()),
    Client(
        "langchain_openai",
        "OpenAIEmbeddings",
        r"openai\.com/v1/embeddings$",
        "openai",
        _keyed(check_embedding_ctx_length=False),
    ),
    Client("langchain_anthropic", "ChatAnthropic", r"/v1/messages(\?|$)", "anthropic", _keyed()),
    Client(
        "langchain_google_genai", "ChatGoogleGenerativeAI", r"generativelanguage.*enerateContent", "google", _keyed()
    ),
    Client("langchain_google_genai", "ChatGoogleGenerativeAI", r"aiplatform.*enerateContent", "google", _vertex),
    Client("langchain_aws", "ChatBedrockConverse", r"/converse(-stream)?$", "aws", _aws),
    Client("langchain_aws", "ChatBedrock", r"/model/.*anthropic.*/invoke(-with-response-stream)?$", "aws", _aws),
    Client("langchain_mistralai", "ChatMistralAI", rf"mistral\.ai.*{_CHAT}", "mistral", _keyed()),
    Client("langchain_groq", "ChatGroq", rf"groq\.com.*{_CHAT}", "groq", _keyed()),
    Client(
        "langchain_cohere",
        "ChatCohere",
        r"cohere\.com/v2/chat",
        "cohere",
        lambda url, model: {"model": model, "base_url": url, "cohere_api_key": "none"},
    ),
    Client(
        "langchain_deepseek",
        "ChatDeepSeek",
        rf"deepseek\.com.*{_CHAT}",
        "deepseek",
        lambda url, model: {"model": model, "api_base": url, "api_key": "none", "max_retries": 0},
    ),
    Client(
        "langchain_xai",
        "ChatXAI",
        rf"x\.ai.*{_CHAT}",
        "xai",
        lambda url, model: {"model": model, "xai_api_base": url + "/", "api_key": "none", "max_retries": 0},
    ),
    Client("langchain_openrouter", "ChatOpenRouter", rf"openrouter\.ai.*{_CHAT}", "openrouter", _keyed()),
    Client("langchain_perplexity", "ChatPerplexity", rf"perplexity\.ai.*{_CHAT}", "perplexity", _perplexity),
    Client("langchain_together", "ChatTogether", rf"together.*{_CHAT}", "together", _keyed()),
    Client(
        "langchain_ollama", "ChatOllama", r"/api/chat$", "ollama", lambda url, model: {"model": model, "base_url": url}
    ),
)
