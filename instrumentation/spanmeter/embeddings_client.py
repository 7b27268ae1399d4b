"""Taps on the embeddings and rerank methods of further clients, whose reported usage both frameworks throw away."""

# ruff: noqa: ANN401  clients answer with anything

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final, NamedTuple

from spanmeter.answer import Answer, counted
from spanmeter.call import Call
from spanmeter.pricing.reading import read
from spanmeter.tap import Taps


class Client(NamedTuple):
    """Methods of a client, each (class, method), and how to read the usage off what they answer."""

    module: str
    methods: tuple[tuple[str, str], ...]
    usage: Callable[[Any], Mapping[str, Any]]
    operation: str = "embeddings"


def _methods(*names: str) -> tuple[tuple[str, str], ...]:
    """Take `Class.method` apart once: Python keeps each new string that an attribute is asked for by for a while."""
    return tuple((kind, sys.intern(method)) for kind, _, method in (name.partition(".") for name in names))


def _field(name: str) -> Callable[[Any], Mapping[str, Any]]:
    """The usage is an object of the answer."""

    def read_field(answer: Any) -> Mapping[str, Any]:
        usage = getattr(answer, name, None)
        dump = getattr(usage, "model_dump", None)
        return dump(exclude_none=True) if dump else {}

    return read_field


def _count(name: str) -> Callable[[Any], Mapping[str, Any]]:
    """The usage is one count of the answer."""
    return lambda answer: {name: getattr(answer, name, None)}


_VOYAGE: Final = _methods("Client.embed", "Client.multimodal_embed", "Client.contextualized_embed")
_VOYAGE_ASYNC: Final = _methods("AsyncClient.embed", "AsyncClient.multimodal_embed", "AsyncClient.contextualized_embed")
_MISTRAL: Final = _methods("Embeddings.create", "Embeddings.create_async")
# Cohere's first client sends many texts in several requests of its base class, in threads, and adds their usage up.
CLIENTS: Final = (
    Client("cohere.client", _methods("Client.embed", "AsyncClient.embed"), _field("meta")),
    Client("cohere.v2.client", _methods("V2Client.embed", "AsyncV2Client.embed"), _field("meta")),
    Client("cohere.base_client", _methods("BaseCohere.rerank", "AsyncBaseCohere.rerank"), _field("meta"), "rerank"),
    Client("cohere.v2.client", _methods("V2Client.rerank", "AsyncV2Client.rerank"), _field("meta"), "rerank"),
    Client("mistralai.embeddings", _MISTRAL, _field("usage")),
    Client("mistralai.client.embeddings", _MISTRAL, _field("usage")),
    Client("ollama._client", _methods("Client.embed", "AsyncClient.embed"), _count("prompt_eval_count")),
    Client("voyageai.client", _VOYAGE, _count("total_tokens")),
    Client("voyageai.client", _methods("Client.rerank"), _count("total_tokens"), "rerank"),
    Client("voyageai.client_async", _VOYAGE_ASYNC, _count("total_tokens")),
    Client("voyageai.client_async", _methods("AsyncClient.rerank"), _count("total_tokens"), "rerank"),
)
MODULES: Final = tuple(dict.fromkeys(client.module for client in CLIENTS))
_taps: Final = Taps()


def install() -> None:
    """Report what each request answered to the embeddings or rerank call around it.

    Idempotent; touches only what the application has imported already.
    """
    for client in CLIENTS:
        if client.module in sys.modules:
            _tap(client, sys.modules[client.module])


def remove() -> None:
    """Put the clients' own methods back."""
    _taps.remove()


def _tap(client: Client, module: ModuleType) -> None:
    hear = functools.partial(_report, client.usage)
    for name, method in client.methods:
        kind = getattr(module, name, None)
        if isinstance(kind, type) and hasattr(kind, method):
            _taps.put(kind, method, operation=client.operation, hear=hear)


def _report(usage: Callable[[Any], Mapping[str, Any]], call: Call, answer: Any) -> None:
    reading = read(usage(answer), provider=call.opening.provider)
    model = str(getattr(answer, "model", None) or "")
    call.report(counted(Answer(usage=reading.known, model=model, usage_notes=reading.notes)))
