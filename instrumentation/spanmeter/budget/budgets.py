"""The budgets of this process, found by whom a call is made for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.budget.account import Account
from spanmeter.budget.likely import Forecast
from spanmeter.budget.notice import notice
from spanmeter.budget.picos import picos_of
from spanmeter.budget_definition import TAG
from spanmeter.fork import in_child
from spanmeter.opening import Opening
from spanmeter.price import Price

_KEYS: Final[Mapping[str, str]] = {
    "user": semconv.USER_ID,
    "session": semconv.CONVERSATION_ID,
    "tenant": semconv.TENANT,
    "feature": semconv.FEATURE,
    "team": semconv.TEAM,
}
_FIELDS: Final = frozenset({"operation", "provider", "model"})
_SERVICE: Final = "service"

Group = tuple[tuple[str, ...], Mapping[tuple[object, ...], tuple[Account, ...]]]


class Budgets:
    """Accounts by name; `groups` is empty while there is none, which is all that a call looks at then.

    Budgets whose scopes name the same dimensions are found together by their values, however many they are.
    """

    def __init__(self) -> None:
        self.groups: Sequence[Group] = ()
        self.accounts: Mapping[str, Account] = {}
        self.closed: set[str] = set()
        """Names of those that the application closed: the sidecar knows them still."""
        self.service = ""
        self._told: list[Callable[[], None]] = []
        self._forecast: Forecast | None = None
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()

    def put(self, account: Account) -> None:
        """Have a budget hold from now on, in the place of one of the same name."""
        with self._lock:
            self.accounts = {**self.accounts, account.definition.name: account}
            self.closed.discard(account.definition.name)
            self._arrange()

    def close(self, name: str) -> None:
        """Have a budget hold no longer until the application makes one of that name again."""
        self.closed.add(name)
        self.remove(name)

    def remove(self, name: str) -> None:
        """Have a budget hold no longer."""
        with self._lock:
            self.accounts = {known: account for known, account in self.accounts.items() if known != name}
            self._arrange()

    def serve(self, service: object) -> None:
        """Know the name of the service that this process is part of."""
        self.service = str(service)
        self.arrange()

    def arrange(self) -> None:
        """Look again at what scopes name, after a definition or the service's name has changed."""
        with self._lock:
            self._arrange()

    def _arrange(self) -> None:
        groups: dict[tuple[str, ...], dict[tuple[object, ...], tuple[Account, ...]]] = {}
        for account in self.accounts.values():
            scope = dict(account.definition.scope)
            if scope.pop(_SERVICE, self.service) != self.service:
                continue
            values = groups.setdefault(tuple(map(_key, scope)), {})
            values[tuple(scope.values())] = (*values.get(tuple(scope.values()), ()), account)
        self.groups = tuple(groups.items())
        for told in self._told:
            barrier(told)()

    def tell(self, follow: Callable[[], None]) -> None:
        """Call `follow` now, and whenever budgets have changed."""
        with self._lock:
            if follow not in self._told:
                self._told.append(follow)
        follow()

    def forget(self, follow: Callable[[], None]) -> None:
        """Call `follow` no more."""
        with self._lock:
            self._told = [told for told in self._told if told != follow]

    def matching(self, scope: Mapping[str, str], opening: Opening) -> list[Account]:
        """The accounts of the budgets that hold for a call."""
        found: list[Account] = []
        for keys, accounts in self.groups:
            values = tuple([_value(key, scope, opening) for key in keys]) if keys else ()
            found += accounts.get(values, ())
        return found

    def forecast(self, price: Price) -> Forecast:
        """Return what says what calls will cost."""
        if self._forecast is None:
            self._forecast = Forecast(price)
        return self._forecast

    def charge(self, scope: Mapping[str, str], opening: Opening, cost_usd: Decimal | None, request: object) -> None:
        """Note what a call cost that could reserve nothing."""
        if not cost_usd:
            return
        picos = picos_of(cost_usd)
        for account in self.matching(scope, opening):
            notice(account, account.charge(picos, request=request))

    def learn(self, opening: Opening, output_tokens: int, *, priced: bool) -> None:
        """Note how long an answer was, and whether it has a price."""
        if self._forecast is None:
            return
        asked = (opening.operation, opening.provider, opening.model)
        self._forecast.learn(asked, output_tokens if priced else None)


def _key(name: str) -> str:
    if name in _FIELDS:
        return name
    return semconv.TAG_PREFIX + name.removeprefix(TAG) if name.startswith(TAG) else _KEYS[name]


def _value(key: str, scope: Mapping[str, str], opening: Opening) -> object:
    if key in _FIELDS:
        return getattr(opening, key)
    return scope[key] if key in scope else opening.attributes.get(key)


budgets: Final = Budgets()
"""Those of this process."""
