"""Who is asked first: with ours before all other handlers, their spans start inside ours, in one trace.

LangChain asks handlers in the order of a manager's list, and appends those of its hooks. Another instrumentation
that starts a span before ours would start a trace of its own where the application has none.
"""

# ruff: noqa: ANN401  a wrapper passes on what it is given

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager, manager

from spanmeter.barrier import barrier
from spanmeter.langchain.handler import SpanmeterCallbackHandler

_replaced: Final[list[Callable[..., Any]]] = []


def install() -> None:
    """Put the handler first in every manager that LangChain configures from now on."""
    configure = manager._configure  # noqa: SLF001

    @functools.wraps(configure)
    def configure_ours_first(*args: Any, **options: Any) -> Any:
        configured = configure(*args, **options)
        _put_first(configured)
        return configured

    _replaced.append(configure)
    manager._configure = configure_ours_first  # noqa: SLF001


def remove() -> None:
    """Put LangChain's own function back."""
    manager._configure = _replaced.pop()  # noqa: SLF001


@barrier
def _put_first(configured: BaseCallbackManager) -> None:
    if configured.handlers and _is_other(configured.handlers[0]):
        configured.handlers = sorted(configured.handlers, key=_is_other)
        configured.inheritable_handlers = sorted(configured.inheritable_handlers, key=_is_other)


def _is_other(handler: BaseCallbackHandler) -> bool:
    return not isinstance(handler, SpanmeterCallbackHandler)
