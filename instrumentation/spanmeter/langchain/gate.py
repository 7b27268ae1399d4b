"""LangChain's models between their cache and their provider: where budgets stop, hold or send elsewhere.

A handler cannot do it: what it raises at a start, before the cache was asked, LangChain logs as a fault of the handler.
"""

# ruff: noqa: ANN401  wrappers pass on what they are given

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

import tenacity
from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.runnables.retry import RunnableRetry

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.budget import cheaper, gate
from spanmeter.budget.budgets import budgets
from spanmeter.budget.exceeded import BudgetExceeded
from spanmeter.budget.sent import Sent
from spanmeter.budget.size import content_bytes, form_bytes, output_limit, text_bytes
from spanmeter.budget.turn import Turn
from spanmeter.call import Call
from spanmeter.classes import Classes
from spanmeter.current import here
from spanmeter.langchain.runs import runs
from spanmeter.langchain.stack import asking

_METHODS: Final = (
    "_generate",
    "_agenerate",
    "_stream",
    "_astream",
    "_stream_chat_model_events",
    "_astream_chat_model_events",
)
_RETRYING: Final = "_kwargs_retrying"
_retries: Final[list[property]] = []


def follow() -> None:
    """Wrap the methods that ask providers, of every model class there is or will be, once there is a budget."""
    if budgets.groups:
        for classes in _CLASSES:
            classes.replace()
        _wrap_retries()


def remove() -> None:
    """Put the classes' own methods back."""
    for classes in _CLASSES:
        classes.restore()
    while _retries:
        setattr(RunnableRetry, _RETRYING, _retries.pop())


def _wrap_retries() -> None:
    """Have `with_retry` make no attempt more once a budget has stopped one: it would only wait."""
    told = vars(RunnableRetry).get(_RETRYING)
    if not _retries and isinstance(told, property) and told.fget is not None:
        _retries.append(told)
        setattr(RunnableRetry, _RETRYING, property(_stopping(told.fget)))


def _stopping(told: Callable[..., dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    def retrying(self: Any) -> dict[str, Any]:
        options = told(self)
        return {**options, "stop": _stopping_by(options.get("stop", tenacity.stop_never))}

    return retrying


def _stopping_by(stop: Callable[[tenacity.RetryCallState], bool]) -> Callable[[tenacity.RetryCallState], bool]:
    def is_over(state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome is not None else None
        return isinstance(error, BudgetExceeded) or stop(state)

    return is_over


def _gated(method: Callable[..., Any]) -> Callable[..., Any]:
    if not inspect.isfunction(method):
        return method
    if inspect.iscoroutinefunction(method):
        return _awaited(method)
    return _streamed_later(method) if inspect.isasyncgenfunction(method) else _at_once(method)


def _at_once(method: Callable[..., Any]) -> Callable[..., Any]:
    """Gate what answers, or hands out a generator, in this thread."""

    @functools.wraps(method)
    def ask(self: Any, asked: Any, *args: Any, **options: Any) -> Any:
        found = _turn(self, asked, args, options) if budgets.groups else None
        if found is None:
            return method(self, asked, *args, **options)
        model = gate.enter(*found)
        asker, options = _sent_to(model, self, found[0], options) if model else (self, options)
        return method(asker, asked, *args, **options)

    return ask


def _awaited(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def ask(self: Any, asked: Any, *args: Any, **options: Any) -> Any:
        found = _turn(self, asked, args, options) if budgets.groups else None
        if found is None:
            return await method(self, asked, *args, **options)
        model = await gate.enter_async(*found)
        asker, options = _sent_to(model, self, found[0], options) if model else (self, options)
        return await method(asker, asked, *args, **options)

    return ask


def _streamed_later(method: Callable[..., Any]) -> Callable[..., Any]:
    async def waiting(found: tuple[Call, Turn], self: Any, args: Sequence[Any], options: Any) -> AsyncIterator[Any]:
        model = await gate.enter_async(*found)
        asker, options = _sent_to(model, self, found[0], options) if model else (self, options)
        async with aclosing(method(asker, *args, **options)) as stream:
            async for piece in stream:
                yield piece

    @functools.wraps(method)
    def ask(self: Any, asked: Any, *args: Any, **options: Any) -> Any:
        found = _turn(self, asked, args, options) if budgets.groups else None
        if found is None:
            return method(self, asked, *args, **options)
        return waiting(found, self, (asked, *args), options)

    return ask


@barrier
def _turn(model: Any, asked: Any, args: Sequence[Any], options: Mapping[str, Any]) -> tuple[Call, Turn] | None:
    """The call that asks, and its turn; None where none is open, or where it has had its turn."""
    call = _asking(options.get("run_manager") or (args[1] if len(args) > 1 else None))
    if call is None or not call.open or gate.has_turn(call):
        return None
    size, messages = _size(asked)
    fields = vars(model)
    sent = Sent(size + form_bytes(options), messages, output_limit(options, fields))
    turn = gate.turn_of(call, sent)
    return None if turn is None else (call, turn)


def _asking(manager: Any) -> Call | None:
    run_id = getattr(manager, "run_id", None) or asking()
    run = runs.find(run_id) if run_id else None
    call = run.call if run else here().call
    generates = isinstance(call, Call) and call.opening.operation in semconv.GENERATION_OPERATIONS
    return call if generates and isinstance(call, Call) else None


def _size(asked: Any) -> tuple[int, int]:
    """The bytes and the number of the messages, or prompts, that are asked."""
    size = 0
    for message in asked:
        if isinstance(message, str):
            size += text_bytes(message)
            continue
        content = message.content
        size += text_bytes(content) if type(content) is str else content_bytes(content)
        if calls := vars(message).get("tool_calls"):
            size += text_bytes(str(calls))
    return size, len(asked)


def _sent_to(model: str, instance: Any, call: Call, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The model object and options that ask another model, which the call tells; as they are where that cannot be."""
    other = barrier(cheaper.asking)(instance, model)
    if other is None:
        return instance, options
    barrier(gate.rename)(call, model)
    return other, {**options, "model": model} if "model" in options else options


_CLASSES: Final = tuple(Classes(root, dict.fromkeys(_METHODS, _gated)) for root in (BaseChatModel, BaseLLM))
