"""LangChain's embeddings, which emit no callbacks: their methods are wrapped while instrumented."""

# ruff: noqa: ANN401  wrappers pass on what they are given

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final

from langchain_core.embeddings import Embeddings

from spanmeter.asked import AskedTexts
from spanmeter.barrier import barrier
from spanmeter.budget import gate
from spanmeter.budget.budgets import budgets
from spanmeter.budget.sent import Sent
from spanmeter.budget.size import text_bytes
from spanmeter.budget.turn import Turn
from spanmeter.call import Call
from spanmeter.endpoint import NOWHERE, endpoint_at
from spanmeter.langchain.opening import PROVIDERS
from spanmeter.opening import Opening
from spanmeter.surrounding import surrounding

_METHODS: Final = ("embed_documents", "embed_query", "aembed_documents", "aembed_query")
_MODEL_FIELDS: Final = ("model", "model_name", "model_id")
_ADDRESS_FIELDS: Final = ("openai_api_base", "azure_endpoint", "base_url", "endpoint")
_in_use: Final[ContextVar[Embeddings | None]] = ContextVar("spanmeter-embeddings-in-use", default=None)
_wrapped: Final[list[tuple[type, str, Any]]] = []


def install() -> None:
    """Wrap the embedding methods of every class there is, and of every class defined later."""
    for kind in _subclasses(Embeddings):
        _wrap(kind)

    def wrap_new_class(cls: type[Any], /, **options: Any) -> None:
        super(Embeddings, cls).__init_subclass__(**options)
        barrier(_wrap)(cls)

    Embeddings.__init_subclass__ = classmethod(wrap_new_class)  # type: ignore[assignment]


def remove() -> None:
    """Put the classes' own methods back."""
    del Embeddings.__init_subclass__
    while _wrapped:
        kind, name, method = _wrapped.pop()
        setattr(kind, name, method)


def _subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


def _wrap(kind: type) -> None:
    for name in _METHODS:
        method = vars(kind).get(name)
        if inspect.isfunction(method) and not any(kind is seen and name == at for seen, at, _ in _wrapped):
            _wrapped.append((kind, name, method))
            setattr(kind, name, _asynchronous(method) if inspect.iscoroutinefunction(method) else _synchronous(method))


def _synchronous(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def embed(self: Embeddings, *args: Any, **options: Any) -> Any:
        with _counted(self, args, options) as call:
            turn = _turn(call, args, options) if budgets.groups and call is not None else None
            if call is not None and turn is not None:
                gate.enter(call, turn)
            return method(self, *args, **options)

    return embed


def _asynchronous(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def embed(self: Embeddings, *args: Any, **options: Any) -> Any:
        with _counted(self, args, options) as call:
            turn = _turn(call, args, options) if budgets.groups and call is not None else None
            if call is not None and turn is not None:
                await gate.enter_async(call, turn)
            return await method(self, *args, **options)

    return embed


@contextlib.contextmanager
def _counted(embeddings: Embeddings, args: Sequence[Any], options: Mapping[str, Any]) -> Iterator[Call | None]:
    """Count one use of a model; `embed_query` that calls `embed_documents` of the same model is one use."""
    enclosing = _in_use.get()
    if enclosing is embeddings:
        yield None
        return
    _in_use.set(embeddings)
    try:
        with surrounding(_opening(embeddings, functools.partial(_texts, args, options))) as call:
            yield call
    finally:
        _in_use.set(enclosing)


@barrier
def _turn(call: Call, args: Sequence[Any], options: Mapping[str, Any]) -> Turn | None:
    """The turn of a request; what only keeps another's vectors asks nobody itself."""
    if call.opening.wrapper:
        return None
    texts = _texts(args, options)
    return gate.turn_of(call, Sent(sum(map(text_bytes, texts)), len(texts)))


@barrier
def _opening(embeddings: Embeddings, prompt: Callable[[], Sequence[str]]) -> Opening:
    """Read an embedding model; one that only keeps another's vectors is known by the model it holds."""
    given = (getattr(embeddings, key, None) for key in _MODEL_FIELDS)
    model = next((name for name in given if name and isinstance(name, str)), "")
    address = next((url for key in _ADDRESS_FIELDS if isinstance(url := getattr(embeddings, key, None), str)), "")
    endpoint = endpoint_at(address) if address else NOWHERE
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


def _texts(args: Sequence[Any], options: Mapping[str, Any]) -> Sequence[str]:
    given = args[0] if args else options.get("texts", options.get("text", ()))
    return [given] if isinstance(given, str) else [text for text in given if isinstance(text, str)]


def _provider(kind: type) -> str:
    """Name the provider by the integration package, as LangChain's `ls_provider` does for models."""
    if kind.__name__.startswith("Azure"):
        return "azure.ai.openai"
    package = next((base.__module__ for base in kind.__mro__ if base.__module__.startswith("langchain_")), "")
    provider = package.partition(".")[0].removeprefix("langchain_")
    return PROVIDERS.get(provider, provider) if provider not in {"core", "community", "classic"} else ""
