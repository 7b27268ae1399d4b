"""Puts the handler into every LangChain callback manager, with no change to the application's code."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

from langchain_core.tracers import context as langchain_context

from spanmeter.budget.budgets import budgets
from spanmeter.current import parent_hints
from spanmeter.langchain import embeddings, gate, precedence, rerank
from spanmeter.langchain.handler import SpanmeterCallbackHandler
from spanmeter.langchain.runs import enclosing_call, runs

_installed: Final[list[ContextVar[SpanmeterCallbackHandler | None]]] = []


def install() -> None:
    """Count every run from now on, in every thread: the variable's default is visible in all contexts. Idempotent."""
    if _installed:
        return
    handler = SpanmeterCallbackHandler()
    variable: ContextVar[SpanmeterCallbackHandler | None] = ContextVar("spanmeter-langchain", default=handler)
    langchain_context.register_configure_hook(variable, inheritable=True, handle_class=SpanmeterCallbackHandler)
    parent_hints.append(enclosing_call)
    precedence.install()
    embeddings.CLASSES.replace()
    rerank.CLASSES.replace()
    budgets.tell(gate.follow)
    _installed.append(variable)


def remove() -> None:
    """Take back everything `install` did, which LangChain offers no way to; calls still open end as cancelled."""
    if not _installed:
        return
    variable = _installed.pop()
    hooks = langchain_context._configure_hooks  # noqa: SLF001
    hooks[:] = [hook for hook in hooks if hook[0] is not variable]
    parent_hints.remove(enclosing_call)
    budgets.forget(gate.follow)
    gate.remove()
    rerank.CLASSES.restore()
    embeddings.CLASSES.restore()
    precedence.remove()
    runs.cancel_all()
