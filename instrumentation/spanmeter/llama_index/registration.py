"""Puts the handlers on LlamaIndex's root dispatcher, which hears of every event and span."""

from __future__ import annotations

from typing import Any

import llama_index.core.instrumentation as instrument

from spanmeter.budget.budgets import budgets
from spanmeter.llama_index import gate
from spanmeter.llama_index.event_handler import SpanmeterEventHandler
from spanmeter.llama_index.open_spans import spans
from spanmeter.llama_index.span_handler import SpanmeterSpanHandler


def install() -> None:
    """Count every call from now on, in every thread. Idempotent, also beside handlers the application added itself."""
    root = _root()
    if not _any(root.event_handlers, SpanmeterEventHandler):
        root.add_event_handler(SpanmeterEventHandler())
    if not _any(root.span_handlers, SpanmeterSpanHandler):
        root.add_span_handler(SpanmeterSpanHandler())
    budgets.tell(gate.follow)


def remove() -> None:
    """Take every handler of ours off again; calls still open end as cancelled. LlamaIndex itself offers no way to."""
    root = _root()
    budgets.forget(gate.follow)
    gate.remove()
    root.event_handlers[:] = [
        handler for handler in root.event_handlers if not isinstance(handler, SpanmeterEventHandler)
    ]
    root.span_handlers[:] = [handler for handler in root.span_handlers if not isinstance(handler, SpanmeterSpanHandler)]
    spans.cancel_all()


def _root() -> Any:  # noqa: ANN401  the class moved between packages
    return instrument.get_dispatcher()  # type: ignore[attr-defined]  # re-exported without saying so


def _any(handlers: list[Any], kind: type) -> bool:
    return any(isinstance(handler, kind) for handler in handlers)
