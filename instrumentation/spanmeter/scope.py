"""Who a call is made for: what `context` stamps on spans and which bills `measure` keeps open."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Final

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.bill import Bill


@dataclass(frozen=True, slots=True)
class Scope:
    """Span attributes and open bills of the running context; threads and tasks with a copied context share them.

    `watches` are bills of ours that no block ends, and that nobody else may take for a request's own. `block` is what
    entered this scope, `outer` the scope it was entered from.
    """

    attributes: Mapping[str, str] = field(default_factory=dict)
    bills: tuple[Bill, ...] = ()
    watches: tuple[Bill, ...] = ()
    block: object = None
    outer: Scope | None = None


_scope: Final[ContextVar[Scope]] = ContextVar("spanmeter-scope", default=Scope())  # noqa: B039  frozen
current_scope: Final = _scope.get


class context:  # noqa: N801  reads as a statement: with spanmeter.context(...)
    """Stamp who and what for on every span started inside, the application's own included.

    `user`, `session`, `tenant`, `feature` and `team` have keys of their own, further names become tags:
    `spanmeter.tag.<name>`. Works with `with` and `async with`, also many times and in several tasks or threads at
    once; inner contexts add to outer ones and win where both name a value.
    """

    def __init__(
        self,
        *,
        user: str | None = None,
        session: str | None = None,
        tenant: str | None = None,
        feature: str | None = None,
        team: str | None = None,
        **tags: str,
    ) -> None:
        given = {
            semconv.USER_ID: user,
            semconv.CONVERSATION_ID: session,
            semconv.TENANT: tenant,
            semconv.FEATURE: feature,
            semconv.TEAM: team,
        }
        given |= {semconv.TAG_PREFIX + tag: value for tag, value in tags.items()}
        self._attributes = _spelled(given) or {}

    @barrier
    def __enter__(self) -> None:
        scope = _scope.get()
        _scope.set(replace(scope, attributes={**scope.attributes, **self._attributes}, block=self, outer=scope))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _leave(self)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _leave(self)


@barrier
def _spelled(given: Mapping[str, str | None]) -> dict[str, str]:
    return {key: str(value) for key, value in given.items() if value is not None}


@contextlib.contextmanager
def measure() -> Iterator[Bill]:
    """Keep a bill of every call started inside, also in threads and tasks that copied the context."""
    bill, scope = Bill(), _scope.get()
    _scope.set(replace(scope, bills=(*scope.bills, bill), block=bill, outer=scope))
    try:
        yield bill
    finally:
        _leave(bill)


def watch(bill: Bill) -> None:
    """Keep a bill of ours in the running context until `unwatch`: for what has a start and an end, but no block."""
    scope = _scope.get()
    _scope.set(replace(scope, watches=(*scope.watches, bill)))


def unwatch(bill: Bill) -> None:
    """Keep a bill no more."""
    scope = _scope.get()
    if bill in scope.watches:
        _scope.set(replace(scope, watches=tuple(kept for kept in scope.watches if kept is not bill)))


@barrier
def _leave(block: object) -> None:
    # A generator-based web dependency may leave in another context than it entered: nothing to restore there.
    scope = _scope.get()
    if scope.block is block and scope.outer is not None:
        _scope.set(scope.outer)
