"""LangChain's embeddings: the use of a model, counted once, with what it was asked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Final

from langchain_core.embeddings import Embeddings

from spanmeter.asked import AskedTexts
from spanmeter.budget.sent import Sent
from spanmeter.budget.size import text_bytes
from spanmeter.call import Call
from spanmeter.classes import Classes
from spanmeter.langchain.uses import Args, Options, Use, counted, endpoint_of, model_of, packaged_provider
from spanmeter.opening import Opening

_METHODS: Final = ("embed_documents", "embed_query", "aembed_documents", "aembed_query")


def _asked(embeddings: Embeddings, args: Args, options: Options) -> Opening:
    return _opening(embeddings, functools.partial(_texts, args, options))


def _opening(embeddings: Embeddings, prompt: Callable[[], Sequence[str]]) -> Opening:
    """Read an embedding model; one that only keeps another's vectors is known by the model it holds."""
    model, endpoint = model_of(embeddings), endpoint_of(embeddings)
    provider = endpoint.provider or _provider(type(embeddings))
    return Opening(
        operation="embeddings",
        name=f"embeddings {model or type(embeddings).__name__}",
        framework="langchain",
        provider=provider,
        model=model,
        region=endpoint.region,
        attributes=endpoint.attributes,
        wrapper=hasattr(embeddings, "underlying_embeddings"),
        prompt=prompt,
        asked=AskedTexts(f"embeddings {provider} {model} {getattr(embeddings, 'dimensions', None)}", prompt),
    )


def _sent(call: Call, args: Args, options: Options) -> Sent | None:
    """What a request sends; what only keeps another's vectors asks nobody itself."""
    if call.opening.wrapper:
        return None
    texts = _texts(args, options)
    return Sent(sum(map(text_bytes, texts)), len(texts))


def _texts(args: Args, options: Options) -> Sequence[str]:
    given = args[0] if args else options.get("texts", options.get("text", ()))
    return [given] if isinstance(given, str) else [text for text in given if isinstance(text, str)]


def _provider(kind: type) -> str:
    return "azure.ai.openai" if kind.__name__.startswith("Azure") else packaged_provider(kind)


_USE: Final = Use(_asked, _sent)
CLASSES: Final = Classes(Embeddings, dict.fromkeys(_METHODS, functools.partial(counted, _USE)))
"""Every embedding model there is, and every one defined later."""
