"""An SDK that does more than the known ones is told from them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Span, Tracer

from spanmeter.known_sdk import is_known_sdk


def test_the_installed_one_is_known() -> None:
    assert is_known_sdk()


def _more(method: Callable[..., Any]) -> Any:
    return lambda self, *args, **options: self._entangled(method(self, *args, **options))


def _wrapped(method: Callable[..., Any]) -> Any:
    @functools.wraps(method)
    def traced(*args: Any, **options: Any) -> Any:
        noted.append(method)
        return method(*args, **options)

    return traced


noted: list[object] = []


@pytest.mark.parametrize("change", [_more, _wrapped, functools.partialmethod], ids=["more", "wrapped", "no function"])
@pytest.mark.parametrize(
    ("kind", "method"),
    [(Tracer, "start_span"), (Span, "__init__"), (Span, "start"), (Span, "end"), (BoundedAttributes, "__init__")],
)
def test_one_that_does_more_is_not(
    kind: type, method: str, change: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, method, change(getattr(kind, method)))

    assert not is_known_sdk()
