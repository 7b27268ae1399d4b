"""LlamaIndex's clients: how each is pointed at a provider on loopback, and whose recordings it understands.

Whatever client is installed is asked; all of them are in the environments of `tests/replay/environments.py`.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from llama_index.core.llms import ChatMessage
from tests.replay.recording import Recording

Options = Mapping[str, Any]
EMBEDDINGS: Final = "embed"
WIRES: Final = {
    "chat": r"/chat/completions",
    "completion": r"(?<!/chat)/completions",
    "responses": r"/responses$",
    "messages": r"/v1/messages(\?|$)",
    "gemini": r":(g|streamG)enerateContent",
    "converse": r"/converse(-stream)?$",
    "invoke": r"/invoke(-with-response-stream)?$",
    "cohere": r"/v1/chat$",
    "ollama": r"/api/chat$",
    "embed": r"/embeddings(\?|$)",
    "embed-cohere": r"/v2/embed$",
    "embed-ollama": r"/api/embed$",
}
"""The forms of answers, and the addresses they come from."""
_CHAT: Final = ("chat", "achat")
_STREAM_CHAT: Final = ("stream_chat", "astream_chat")
_COMPLETE: Final = ("complete", "acomplete")
_STREAM_COMPLETE: Final = ("stream_complete", "astream_complete")
_EMBED: Final = ("get_text_embedding_batch", "aget_text_embedding_batch")
_COMPLETIONS: Final = ("completion", "invoke")


@dataclass(frozen=True, slots=True)
class Client:
    """A class of an integration package; `wire` is the form of the answers it reads, `provider` whom we name.

    `options` builds its arguments from the address of the provider. `completes` says that it is worth asking by
    `complete` too: there the class has code of its own, or one call inside another. `environment` and `redirect` point
    those at the player that take no address.
    """

    kind: str
    wire: str
    provider: str
    options: Callable[[str], Options]
    hosts: tuple[str, ...] = ()
    completes: bool = False
    environment: Callable[[str], Mapping[str, str]] = field(default=lambda _: {})
    redirect: Callable[[Any, str], None] = field(default=lambda *_: None)

    @property
    def name(self) -> str:
        """The class as a word for a test's id."""
        return self.kind.rpartition(":")[2]

    @property
    def installed(self) -> bool:
        """Whether its package is there."""
        try:
            return importlib.util.find_spec(self.kind.partition(":")[0]) is not None
        except ModuleNotFoundError:
            return False

    def understands(self, recording: Recording) -> bool:
        """Whether an answer is one this client could have got."""
        url = recording.url
        return any(host in url for host in self.hosts) and re.search(WIRES[self.wire], url) is not None

    def ways(self, recording: Recording) -> tuple[str, ...]:
        """The methods that ask for such an answer."""
        if self.wire.startswith(EMBEDDINGS):
            return _EMBED
        streams = recording.streamed
        chat, complete = (_STREAM_CHAT, _STREAM_COMPLETE) if streams else (_CHAT, _COMPLETE)
        if self.wire in _COMPLETIONS:
            return complete
        return (*chat, *complete) if self.completes else chat

    def argument(self, way: str, recording: Recording) -> Any:
        """What to ask: as many texts as were embedded, a message, or a text."""
        if way.endswith("_batch"):
            asked = next((recording.asked[key] for key in ("input", "inputs", "texts") if key in recording.asked), "")
            return ["text"] * (len(asked) if isinstance(asked, list) else 1)
        return [ChatMessage(role="user", content="hi")] if "chat" in way else "hi"

    def build(self, url: str) -> Any:
        """Build it."""
        module, _, name = self.kind.partition(":")
        built = getattr(importlib.import_module(module), name)(**self.options(url))
        self.redirect(built, url)
        return built


def _openai(model: str, **more: Any) -> Callable[[str], Options]:
    return lambda url: {"model": model, "api_key": "none", "api_base": f"{url}/v1", "max_retries": 0, **more}


def _azure(url: str) -> Options:
    return {
        "model": "gpt-4o",
        "engine": "ours",
        "api_key": "none",
        "azure_endpoint": url,
        "api_version": "2024-10-21",
        "max_retries": 0,
    }


def _google(url: str) -> Options:
    types = importlib.import_module("google.genai.types")
    return {
        "model": "gemini-2.5-flash",
        "api_key": "none",
        "http_options": types.HttpOptions(base_url=url),
        "context_window": 10_000,
        "max_tokens": 1000,
        "max_retries": 0,
    }


def _bedrock(url: str) -> Mapping[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _voyage(built: Any, url: str) -> None:
    package = importlib.import_module("voyageai")
    built._client = package.Client(api_key="none", base_url=url)
    built._aclient = package.AsyncClient(api_key="none", base_url=url)
    # It fetches its tokenizer from the network to make up batches.
    built._client.tokenize = lambda texts, **_: [text.split() for text in texts]


def _cohere(built: Any, url: str) -> None:
    built._client = type(built._client)("none", base_url=url)
    built._aclient = type(built._aclient)("none", base_url=url)


def _mistral(built: Any, url: str) -> None:
    built._client = type(built._client)(api_key="none", server_url=url)


_STREAMS_USAGE: Final = {"additional_kwargs": {"stream_options": {"include_usage": True}}}
_LIKE: Final = {"is_chat_model": True, "is_function_calling_model": True, "context_window": 10_000}
_OPENAI: Final = ("api.openai.com",)

CLIENTS: Final = (
    Client(
        "llama_index.llms.openai:OpenAI",
        "chat",
        "openai",
        _openai("gpt-4o", **_STREAMS_USAGE),
        _OPENAI,
    ),
    Client(
        "llama_index.llms.openai:OpenAI",
        "completion",
        "openai",
        _openai("gpt-3.5-turbo-instruct", max_tokens=16),
        _OPENAI,
    ),
    Client(
        "llama_index.llms.openai:OpenAIResponses",
        "responses",
        "openai",
        _openai("gpt-4o"),
        _OPENAI,
    ),
    Client("llama_index.llms.azure_openai:AzureOpenAI", "chat", "azure.ai.openai", _azure, ("azure.com",)),
    Client(
        "llama_index.llms.openai_like:OpenAILike",
        "chat",
        "",
        _openai("other", **_LIKE),
        ("cerebras.ai", "z.ai", "huggingface.co", "snowflakecomputing.com", "crusoecloud.com"),
        completes=True,
    ),
    Client(
        "llama_index.llms.anthropic:Anthropic",
        "messages",
        "anthropic",
        lambda url: {"model": "claude-3-haiku-20240307", "api_key": "none", "base_url": url, "max_retries": 0},
        ("api.anthropic.com",),
        completes=True,
    ),
    Client(
        "llama_index.llms.google_genai:GoogleGenAI",
        "gemini",
        "gcp.gemini",
        _google,
        ("googleapis.com",),
        completes=True,
    ),
    Client(
        "llama_index.llms.bedrock_converse:BedrockConverse",
        "converse",
        "aws.bedrock",
        lambda _: {"model": "anthropic.claude-3-5-sonnet-20241022-v2:0", "region_name": "us-east-1", "max_retries": 1},
        ("bedrock-runtime",),
        completes=True,
        environment=_bedrock,
    ),
    Client(
        "llama_index.llms.bedrock:Bedrock",
        "invoke",
        "aws.bedrock",
        lambda _: {"model": "anthropic.claude-v2", "region_name": "us-east-1", "max_retries": 1, "context_size": 4096},
        ("amazonaws.com/model/anthropic.claude-v2",),
        environment=_bedrock,
    ),
    Client(
        "llama_index.llms.mistralai:MistralAI",
        "chat",
        "mistral_ai",
        lambda url: {"model": "mistral-large-latest", "api_key": "none", "endpoint": url, "max_retries": 0},
        ("api.mistral.ai",),
        completes=True,
    ),
    Client(
        "llama_index.llms.groq:Groq",
        "chat",
        "groq",
        _openai("llama-3.3-70b-versatile"),
        ("api.groq.com",),
        completes=True,
    ),
    Client(
        "llama_index.llms.cohere:Cohere",
        "cohere",
        "cohere",
        lambda _: {"model": "command-r", "api_key": "none", "max_retries": 1},
        ("api.cohere.com", "api.cohere.ai"),
        redirect=_cohere,
    ),
    Client(
        "llama_index.llms.deepseek:DeepSeek",
        "chat",
        "deepseek",
        _openai("deepseek-chat"),
        ("api.deepseek.com",),
        completes=True,
    ),
    Client(
        "llama_index.llms.openrouter:OpenRouter",
        "chat",
        "openrouter",
        _openai("openai/gpt-4o-mini", **_STREAMS_USAGE),
        ("openrouter.ai",),
        completes=True,
    ),
    Client(
        "llama_index.llms.perplexity:Perplexity",
        "chat",
        "perplexity",
        lambda url: {"model": "sonar", "api_key": "none", "api_base": url, "max_retries": 1},
        ("api.perplexity.ai",),
        completes=True,
    ),
    Client(
        "llama_index.llms.together:TogetherLLM",
        "chat",
        "together",
        _openai("meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("api.together.ai", "api.together.xyz", "/together/"),
        completes=True,
    ),
    Client(
        "llama_index.llms.ollama:Ollama",
        "ollama",
        "ollama",
        lambda url: {"model": "llama3.2", "base_url": url, "context_window": 4096},
        ("127.0.0.1:11434", "localhost:11434"),
        completes=True,
    ),
    Client(
        "llama_index.embeddings.openai:OpenAIEmbedding",
        "embed",
        "openai",
        _openai("text-embedding-3-small"),
        _OPENAI,
    ),
    Client(
        "llama_index.embeddings.azure_openai:AzureOpenAIEmbedding",
        "embed",
        "azure.ai.openai",
        lambda url: {**_azure(url), "model": "text-embedding-3-small", "azure_deployment": "ours"},
        ("azure.com",),
    ),
    Client(
        "llama_index.embeddings.cohere:CohereEmbedding",
        "embed-cohere",
        "cohere",
        lambda url: {"model_name": "embed-english-v3.0", "api_key": "none", "base_url": url},
        ("api.cohere.com",),
    ),
    Client(
        "llama_index.embeddings.voyageai:VoyageEmbedding",
        "embed",
        "voyageai",
        lambda _: {"model_name": "voyage-3", "voyage_api_key": "none"},
        ("api.voyageai.com",),
        redirect=_voyage,
    ),
    Client(
        "llama_index.embeddings.mistralai:MistralAIEmbedding",
        "embed",
        "mistral_ai",
        lambda _: {"api_key": "none"},
        ("api.mistral.ai",),
        redirect=_mistral,
    ),
    Client(
        "llama_index.embeddings.ollama:OllamaEmbedding",
        "embed-ollama",
        "ollama",
        lambda url: {"model_name": "nomic-embed-text", "base_url": url},
        ("127.0.0.1", "localhost"),
    ),
)
