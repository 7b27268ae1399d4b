"""A tap on the OpenAI client's embeddings, whose reported usage both frameworks throw away."""

# ruff: noqa: ANN401  wrappers pass on what they are given

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from spanmeter.answer import Answer
from spanmeter.barrier import barrier
from spanmeter.call import Call, reporting_providers
from spanmeter.current import here
from spanmeter.pricing import read_usage

PROVIDERS: Final = ("openai", "azure.ai.openai")
_CLASSES: Final = ("Embeddings", "AsyncEmbeddings")
_wrapped: Final[dict[type, Callable[..., Any]]] = {}


def install() -> None:
    """Report what each embeddings request answered to the embeddings call around it.

    Idempotent; does nothing where the application has not imported `openai`'s embeddings, for then it asks for none.
    """
    resources = sys.modules.get("openai.resources.embeddings")
    if resources is None:
        return
    for name in _CLASSES:
        kind = getattr(resources, name)
        if kind not in _wrapped:
            _wrapped[kind] = create = kind.create
            kind.create = _asynchronous(create) if inspect.iscoroutinefunction(create) else _synchronous(create)
    reporting_providers.update(PROVIDERS)


def remove() -> None:
    """Put the client's own methods back."""
    while _wrapped:
        kind, create = _wrapped.popitem()
        kind.create = create  # type: ignore[attr-defined]
    reporting_providers.difference_update(PROVIDERS)


def _synchronous(create: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(create)
    def tapped(*args: Any, **options: Any) -> Any:
        response = create(*args, **options)
        _report(response)
        return response

    return tapped


def _asynchronous(create: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(create)
    async def tapped(*args: Any, **options: Any) -> Any:
        response = await create(*args, **options)
        _report(response)
        return response

    return tapped


@barrier
def _report(response: Any) -> None:
    call = _embeddings_call()
    if call is None:
        return
    # With `with_raw_response` the body is parsed on demand, once, and kept.
    body = response.parse() if hasattr(response, "parse") else response
    usage = getattr(body, "usage", None)
    payload: Mapping[str, Any] = usage.model_dump(exclude_none=True) if usage is not None else {}
    call.report(
        Answer(
            usage=read_usage(payload, provider=call.opening.provider or "openai", api="embeddings")
            if payload
            else None,
            model=str(getattr(body, "model", None) or ""),
        )
    )


def _embeddings_call() -> Call | None:
    call = here().call
    while call is not None:
        if isinstance(call, Call) and call.open and call.opening.operation == "embeddings":
            return call
        call = call.above
    return None
