"""Uses of models of which LangChain emits no callbacks: the methods that use one are wrapped while instrumented."""

# ruff: noqa: ANN401  wrappers pass on what they are given

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from spanmeter.barrier import barrier
from spanmeter.budget import gate
from spanmeter.budget.budgets import budgets
from spanmeter.budget.sent import Sent
from spanmeter.budget.turn import Turn
from spanmeter.call import Call
from spanmeter.endpoint import NOWHERE, Endpoint, endpoint_at
from spanmeter.langchain.opening import PROVIDERS
from spanmeter.opening import Opening
from spanmeter.surrounding import surrounding

_MODEL_FIELDS: Final = ("model", "model_name", "model_id", "model_arn", "model_name_or_path")
_ADDRESS_FIELDS: Final = ("openai_api_base", "azure_endpoint", "base_url", "endpoint_url", "endpoint")
_OF_MANY: Final = frozenset({"classic", "community", "core"})
"""Packages that hold the classes of many providers."""
_in_use: Final[ContextVar[object]] = ContextVar("spanmeter-model-in-use", default=None)

Args = Sequence[Any]
Options = Mapping[str, Any]


class Use(NamedTuple):
    """How a use is read: its opening, None where it asks nobody, what it is about to send, and what it returned.

    Of what is not to wait for budgets nothing is told to be sent.
    """

    opening: Callable[[Any, Args, Options], Opening | None]
    sent: Callable[[Call, Args, Options], Sent | None]
    returned: Callable[[Call, Any], None] | None = None


def counted(use: Use, method: Any) -> Any:
    """Have a method counted as one use of the model it belongs to; what it raises and returns stays as it is."""
    if not inspect.isfunction(method):
        return method
    guarded = Use(barrier(use.opening), barrier(use.sent), barrier(use.returned) if use.returned else None)
    return _asynchronous(guarded, method) if inspect.iscoroutinefunction(method) else _synchronous(guarded, method)


def _synchronous(use: Use, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def ask(self: Any, *args: Any, **options: Any) -> Any:
        with _counted(use, self, args, options) as call:
            turn = _turn(use, call, args, options) if budgets.groups and call is not None else None
            if call is not None and turn is not None:
                gate.enter(call, turn)
            answer = method(self, *args, **options)
            if call is not None and use.returned is not None:
                use.returned(call, answer)
            return answer

    return ask


def _asynchronous(use: Use, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def ask(self: Any, *args: Any, **options: Any) -> Any:
        with _counted(use, self, args, options) as call:
            turn = _turn(use, call, args, options) if budgets.groups and call is not None else None
            if call is not None and turn is not None:
                await gate.enter_async(call, turn)
            answer = await method(self, *args, **options)
            if call is not None and use.returned is not None:
                use.returned(call, answer)
            return answer

    return ask


@contextlib.contextmanager
def _counted(use: Use, model: object, args: Args, options: Options) -> Iterator[Call | None]:
    """Count one use of a model; a method that calls another one of the same model is one use."""
    enclosing = _in_use.get()
    if enclosing is model:
        yield None
        return
    _in_use.set(model)
    try:
        with surrounding(use.opening(model, args, options)) as call:
            yield call
    finally:
        _in_use.set(enclosing)


@barrier
def _turn(use: Use, call: Call, args: Args, options: Options) -> Turn | None:
    sent = use.sent(call, args, options)
    return None if sent is None else gate.turn_of(call, sent)


def model_of(asked: object) -> str:
    """The name of the model that an object of LangChain's asks, "" when it tells none."""
    given = (getattr(asked, key, None) for key in _MODEL_FIELDS)
    return next((name for name in given if name and isinstance(name, str)), "")


def endpoint_of(asked: object) -> Endpoint:
    """Where an object of LangChain's sends its requests, as far as it tells."""
    address = next((url for key in _ADDRESS_FIELDS if isinstance(url := getattr(asked, key, None), str)), "")
    return endpoint_at(address) if address else NOWHERE


def packaged_provider(kind: type) -> str:
    """Name the provider by the integration package, as LangChain's `ls_provider` does for models."""
    package = next((base.__module__ for base in kind.__mro__ if base.__module__.startswith("langchain_")), "")
    provider = package.partition(".")[0].removeprefix("langchain_")
    return PROVIDERS.get(provider, provider) if provider not in _OF_MANY else ""
