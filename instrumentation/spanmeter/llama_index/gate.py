"""LlamaIndex's models before they are asked: where budgets stop, hold or send elsewhere.

A handler cannot do it, for the dispatcher swallows what handlers raise. Models are gated around their methods, before
these tell their start; embeddings below their cache.
"""

# ruff: noqa: ANN401  wrappers pass on what they are given

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.base import BaseLLM

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.budget import cheaper, gate, pending
from spanmeter.budget.budgets import budgets
from spanmeter.budget.exceeded import BudgetExceeded
from spanmeter.budget.sent import Sent
from spanmeter.budget.size import content_bytes, form_bytes, output_limit, text_bytes
from spanmeter.budget.turn import Turn, take, take_async
from spanmeter.call import Call
from spanmeter.classes import Classes, Wrap
from spanmeter.current import here, is_suppressed
from spanmeter.llama_index.message import tool_calls_text
from spanmeter.llama_index.response import model_opening
from spanmeter.opening import Opening
from spanmeter.process import calls
from spanmeter.scope import current_scope

_CHATS: Final = ("chat", "stream_chat")
_COMPLETIONS: Final = ("complete", "stream_complete")
_EMBEDDINGS: Final = ("_get_query_embedding", "_get_text_embedding", "_get_text_embeddings")
_LATER: Final = "a"
"""What the names of asynchronous methods begin with, after an underscore if there is one."""
_WRAPPERS: Final = frozenset({"LangChainLLM", "StructuredLLM"})
"""Classes that ask no provider, but another model object that is gated itself."""
_in_use: Final[ContextVar[object]] = ContextVar("spanmeter-llama-index-in-use", default=None)


def follow() -> None:
    """Wrap the methods of every model class there is or will be, once there is a budget."""
    if budgets.groups:
        for classes in _CLASSES:
            classes.replace()


def remove() -> None:
    """Put the classes' own methods back."""
    for classes in _CLASSES:
        classes.restore()


def _model(operation: str, method: Any) -> Callable[..., Any]:
    @functools.wraps(method)
    def ask(self: Any, *args: Any, **options: Any) -> Any:
        turn = _turn(operation, self, args, options) if budgets.groups else None
        if turn is None:
            return _bound(method, self)(*args, **options)
        try:
            take(turn)
        except BudgetExceeded as stopped:
            _tell(operation, self, stopped)
            raise
        with _admitted(self, turn) as asker:
            return _bound(method, asker)(*args, **options)

    return ask


def _model_later(operation: str, method: Any) -> Callable[..., Any]:
    @functools.wraps(method)
    async def ask(self: Any, *args: Any, **options: Any) -> Any:
        turn = _turn(operation, self, args, options) if budgets.groups else None
        if turn is None:
            return await _bound(method, self)(*args, **options)
        try:
            await take_async(turn)
        except BudgetExceeded as stopped:
            _tell(operation, self, stopped)
            raise
        with _admitted(self, turn) as asker:
            return await _bound(method, asker)(*args, **options)

    return ask


def _bound(method: Any, instance: Any) -> Callable[..., Any]:
    """The dispatcher's decorator tells the object of a method only where that is bound."""
    bound: Callable[..., Any] = method.__get__(instance, type(instance))
    return bound


@contextlib.contextmanager
def _admitted(instance: Any, turn: Turn) -> Iterator[Any]:
    """Have the call that starts next take over the reservation, and the object that asks, for the length of a block."""
    asker, reservation = _asker(instance, turn) or instance, turn.reservation
    earlier = _in_use.get()
    _in_use.set(asker)
    pending.put(reservation)
    try:
        yield asker
    finally:
        pending.drop(reservation)
        _in_use.set(earlier)


@barrier
def _asker(instance: Any, turn: Turn) -> Any:
    """The object that asks the model of a turn; it stays the same where its model cannot be another."""
    reservation = turn.reservation
    if reservation is None or not reservation.downgraded_from:
        return instance
    other = cheaper.asking(instance, turn.model)
    if other is None:
        reservation.downgraded_from = ""
    return other


@barrier
def _turn(operation: str, model: Any, args: Sequence[Any], options: Mapping[str, Any]) -> Turn | None:
    """The turn of a request; None for what a model asks of itself, such as its chat of its completion."""
    if _in_use.get() is model or is_suppressed():
        return None
    scope = current_scope()
    asked = args[0] if args else options.get("messages", options.get("prompt", ()))
    size, messages = (text_bytes(asked), 1) if isinstance(asked, str) else _size(asked)
    sent = Sent(size + form_bytes(options), messages, output_limit(options, vars(model)))
    request = scope.bills[0] if scope.bills else here().span.get_span_context().trace_id or None
    return gate.turn_for(_opening(operation, model), scope, sent, price=calls().price, request=request)


def _size(messages: Sequence[Any]) -> tuple[int, int]:
    size = 0
    for message in messages:
        blocks = getattr(message, "blocks", None)
        size += content_bytes(message.content if blocks is None else blocks)
        if message.additional_kwargs:
            size += text_bytes(tool_calls_text(message))
    return size, len(messages)


def _opening(operation: str, model: Any) -> Opening:
    told = vars(model).get("model")
    return model_opening(operation, {"class_name": model.class_name(), "model": told}, model)


@barrier
def _tell(operation: str, model: Any, stopped: BudgetExceeded) -> None:
    """Show a call that was stopped before the framework told its start."""
    call = calls().open(_opening(operation, model))
    call.span.set_attribute(semconv.BUDGET, stopped.name)
    call.fail(stopped)


def _embedding(method: Any) -> Callable[..., Any]:
    @functools.wraps(method)
    def embed(self: Any, *args: Any, **options: Any) -> Any:
        found = _embedding_turn(self, args, options) if budgets.groups else None
        if found is None:
            return _bound(method, self)(*args, **options)
        gate.enter(*found)
        with _using(self):
            return _bound(method, self)(*args, **options)

    return embed


def _embedding_later(method: Any) -> Callable[..., Any]:
    @functools.wraps(method)
    async def embed(self: Any, *args: Any, **options: Any) -> Any:
        found = _embedding_turn(self, args, options) if budgets.groups else None
        if found is None:
            return await _bound(method, self)(*args, **options)
        await gate.enter_async(*found)
        with _using(self):
            return await _bound(method, self)(*args, **options)

    return embed


@contextlib.contextmanager
def _using(instance: Any) -> Iterator[None]:
    earlier = _in_use.get()
    _in_use.set(instance)
    try:
        yield
    finally:
        _in_use.set(earlier)


@barrier
def _embedding_turn(model: Any, args: Sequence[Any], options: Mapping[str, Any]) -> tuple[Call, Turn] | None:
    """The call that embeds, and the turn of one of its requests; None for what a model asks of itself."""
    call = here().call
    if _in_use.get() is model or not isinstance(call, Call) or call.opening.operation != "embeddings":
        return None
    given = args[0] if args else next(iter(options.values()), ())
    texts = [given] if isinstance(given, str) else given
    turn = gate.turn_of(call, Sent(sum(map(text_bytes, texts)), len(texts)))
    return None if turn is None else (call, turn)


def _model_wraps() -> Iterator[tuple[str, Wrap]]:
    for operation, names in (("chat", _CHATS), ("text_completion", _COMPLETIONS)):
        for name in names:
            yield name, functools.partial(_model, operation)
            yield _LATER + name, functools.partial(_model_later, operation)


_EMBEDDING_WRAPS: Final = dict.fromkeys(_EMBEDDINGS, _embedding) | {
    f"_{_LATER}{name[1:]}": _embedding_later for name in _EMBEDDINGS
}
_CLASSES: Final = (
    Classes(BaseLLM, dict(_model_wraps()), spared=_WRAPPERS),
    Classes(BaseEmbedding, _EMBEDDING_WRAPS),
)
