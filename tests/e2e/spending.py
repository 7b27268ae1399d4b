"""An application that spends in every way, and says what its own bill comes to.

python -m tests.e2e.spending SIDECAR
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import llama_index.core
from counting import Provider, serving
from langchain_anthropic import ChatAnthropic
from langchain_core.caches import InMemoryCache
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.core import VectorStoreIndex
from llama_index.core.llms import ChatMessage
from llama_index.core.schema import TextNode
from llama_index.embeddings.openai import OpenAIEmbedding  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI

import spanmeter

FIGURES: Final = (
    "calls",
    "failed_calls",
    "cache_hits",
    "unpriced_calls",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "priced_usd",
)
ADVICE: Final = {"input_tokens": 823, "output_tokens": 1612, "cache_read_input_tokens": 0}


class Anthropic(Provider):
    """Serves within the US, and asks an advisor of another model, which only the iterations tell."""

    def message(self, asked: Mapping[str, Any], number: int) -> dict[str, Any]:
        whole = super().message(dict(asked), number)
        own = {name: whole["usage"][name] for name in ("input_tokens", "output_tokens", *_CACHE)}
        advice = {"type": "advisor_message", "model": "claude-opus-4-6", **ADVICE}
        return whole | {
            "model": asked["model"],
            "usage": whole["usage"] | {"inference_geo": "us", "iterations": [{"type": "message", **own}, advice]},
        }


_CACHE: Final = ("cache_read_input_tokens", "cache_creation_input_tokens")


def ways(url: str) -> dict[str, Callable[[], Any]]:
    """What the application asks, by name."""
    given: dict[str, Any] = {"api_key": "none", "base_url": f"{url}/v1", "max_retries": 0}
    chat = ChatOpenAI(model="gpt-4o-mini", **given)
    cached = ChatOpenAI(model="gpt-4o-mini", cache=InMemoryCache(), **given)
    claude = ChatAnthropic(**{**given, "model_name": "claude-opus-4-6", "base_url": url})
    embed = OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False, **given)
    options: dict[str, Any] = {"api_key": "none", "api_base": given["base_url"], "max_retries": 0}
    llama = OpenAI(model="gpt-4o-mini", **options)
    embedder = OpenAIEmbedding(model="text-embedding-3-small", **options)
    engine = VectorStoreIndex([TextNode(text="one", embedding=[0.1, 0.2])], embed_model=embedder).as_query_engine(llama)
    return {
        "cached and reasoning tokens": lambda: chat.invoke("a"),
        "a stream that tells its usage": lambda: list(chat.stream("a", stream_usage=True)),
        "a stream that tells none": lambda: list(chat.stream("a")),
        "an unknown model": lambda: ChatOpenAI(model="mystery-1", **given).invoke("a"),
        "a cache of the application's": lambda: [cached.invoke("a") for _ in range(3)],
        "a failed call": lambda: chat.invoke("fail"),
        "embeddings": lambda: embed.embed_documents(["a", "b"]),
        "parts and a region": lambda: claude.invoke("a"),
        "LlamaIndex": lambda: llama.chat([ChatMessage("a")]),
        "a query engine": lambda: engine.query("a"),
        "a failed call of LlamaIndex": lambda: llama.chat([ChatMessage("fail")]),
    }


def main() -> None:
    """Ask in every way, once for everybody and once for a tenant with a discount."""
    llama_index.core.global_tokenizer = str.split
    spanmeter.instrument(service_name="spending", endpoint=sys.argv[1])
    with serving(Anthropic()) as provider, spanmeter.measure() as bill:
        for name, way in ways(provider.url).items():
            with spanmeter.context(feature=name), contextlib.suppress(Exception):
                way()
        with spanmeter.context(feature="an agreed price", tenant="acme"):
            ways(provider.url)["cached and reasoning tokens"]()
    told = {name: str(getattr(bill, name)) for name in FIGURES}
    models = {model: str(totals.priced_usd) for model, totals in bill.by_model().items()}
    spanmeter.uninstrument()
    sys.stdout.write(json.dumps({"bill": told, "by_model": models}) + "\n")


if __name__ == "__main__":
    main()
