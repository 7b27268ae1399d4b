"""A tap on the OpenAI client's embeddings, whose reported usage both frameworks throw away."""

# ruff: noqa: ANN401  clients answer with anything

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

from spanmeter.answer import Answer, counted
from spanmeter.call import Call
from spanmeter.pricing.reading import read
from spanmeter.tap import Taps
from spanmeter.telling import reporting_providers

PROVIDERS: Final = ("openai", "azure.ai.openai")
_CLASSES: Final = ("Embeddings", "AsyncEmbeddings")
_taps: Final = Taps()


def install() -> None:
    """Report what each embeddings request answered to the embeddings call around it.

    Idempotent; does nothing where the application has not imported `openai`'s embeddings, for then it asks for none.
    """
    resources = sys.modules.get("openai.resources.embeddings")
    if resources is None:
        return
    for name in _CLASSES:
        _taps.put(getattr(resources, name), "create", operation="embeddings", hear=_report)
    reporting_providers.update(PROVIDERS)


def remove() -> None:
    """Put the client's own methods back."""
    _taps.remove()
    reporting_providers.difference_update(PROVIDERS)


def _report(call: Call, response: Any) -> None:
    # With `with_raw_response` the body is parsed on demand, once, and kept.
    body = response.parse() if hasattr(response, "parse") else response
    usage = getattr(body, "usage", None)
    payload: Mapping[str, Any] = usage.model_dump(exclude_none=True) if usage is not None else {}
    reading = read(payload, provider=call.opening.provider or "openai", api="embeddings") if payload else None
    answer = Answer(
        usage=reading.known if reading else None,
        model=str(getattr(body, "model", None) or ""),
        usage_notes=reading.notes if reading else (),
    )
    call.report(counted(answer))
