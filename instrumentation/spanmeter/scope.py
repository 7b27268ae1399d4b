"""Who a call is made for: what `context` stamps on spans and which bills `measure` keeps open."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Final

from spanmeter import semconv
from spanmeter.bill import Bill


@dataclass(frozen=True, slots=True)
class Scope:
    """Span attributes and open bills of the running context; threads and tasks with a copied context share them."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    bills: tuple[Bill, ...] = ()


_scope: Final[ContextVar[Scope]] = ContextVar("spanmeter-scope", default=Scope())  # noqa: B039  frozen
current_scope: Final = _scope.get


class context:  # noqa: N801  reads as a statement: with spanmeter.context(...)
    """Stamp who and what for on every span started inside, the application's own included.

    `user`, `session`, `tenant`, `feature` and `team` have keys of their own, further names become tags:
    `spanmeter.tag.<name>`. Works with `with` and
    `async with`; inner contexts add to outer ones and win where both name a value.
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
        self._attributes = {key: str(value) for key, value in given.items() if value is not None}
        self._entered = contextlib.ExitStack()

    def __enter__(self) -> None:
        scope = _scope.get()
        self._entered.enter_context(_entered(replace(scope, attributes={**scope.attributes, **self._attributes})))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.close()

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.close()


@contextlib.contextmanager
def measure() -> Iterator[Bill]:
    """Keep a bill of every call started inside, also in threads and tasks that copied the context."""
    bill, scope = Bill(), _scope.get()
    with _entered(replace(scope, bills=(*scope.bills, bill))):
        yield bill


@contextlib.contextmanager
def _entered(scope: Scope) -> Iterator[None]:
    token = _scope.set(scope)
    try:
        yield
    finally:
        # A generator-based web dependency may leave in another context than it entered: nothing to restore there.
        with contextlib.suppress(ValueError):
            _scope.reset(token)
