"""The user's own prices: what was agreed with a provider, and what models of one's own cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Protocol, TypeVar

from spanmeter.pricing.key import PriceKey
from spanmeter.pricing.rates import PriceSheet, Rate, own_key, paying_keys
from spanmeter.pricing.scope import Scope

Names = Sequence[tuple[str, str]]
"""The (provider, model) pairs under which one model is known."""


class _Entry(Protocol):
    @property
    def scope(self) -> Scope: ...


_E = TypeVar("_E", bound=_Entry)


@dataclass(frozen=True, slots=True)
class AgreedPrice:
    """Prices that go before the listed ones, under the list's own keys such as `input_mtok`.

    `alone` says that they are all there is to pay, as for a model that is paid by time; `over_reported` that they go
    before what the provider reports.
    """

    scope: Scope
    prices: PriceSheet
    line: int = 0
    alone: bool = False
    over_reported: bool = False


@dataclass(frozen=True, slots=True)
class Discount:
    """What list prices are multiplied by; only those of `buckets`, unless that is empty."""

    scope: Scope
    factor: Decimal
    line: int
    source: str
    buckets: tuple[str, ...] = ()
    over_reported: bool = False

    def off(self, rate: Rate) -> Rate:
        """The rate with the discount taken off."""
        return rate.times(self.factor, self.source)


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name of a listed model, such as a deployment's."""

    scope: Scope
    provider: str
    model: str
    line: int
    source: str


@dataclass(frozen=True, slots=True)
class Terms:
    """All that a price file says; `version` names the file and its content."""

    version: str = ""
    prices: tuple[AgreedPrice, ...] = ()
    discounts: tuple[Discount, ...] = ()
    aliases: tuple[Alias, ...] = ()

    @property
    def scopes(self) -> list[Scope]:
        """What the entries are about."""
        entries: tuple[_Entry, ...] = (*self.prices, *self.discounts, *self.aliases)
        return [entry.scope for entry in entries]

    @property
    def priced(self) -> tuple[AgreedPrice | Discount, ...]:
        """The entries that say what is to be paid."""
        return (*self.prices, *self.discounts)

    @property
    def may_go_before_reported(self) -> bool:
        """Whether any entry goes before what a provider reports."""
        return any(entry.over_reported for entry in self.priced)

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants that entries are about in particular, as patterns."""
        return frozenset(scope.tenant for scope in self.scopes if scope.tenant)

    def changes(self, day: date) -> set[time]:
        """The times of that UTC day at which an entry begins or ends."""
        bounds = (bound for scope in self.scopes for bound in (scope.start, scope.end))
        return {bound.time() for bound in bounds if bound.date() == day}

    def alias(self, names: Names, key: PriceKey, moment: datetime) -> Alias | None:
        """The alias that these names of a model are."""
        found = self._in_force(self.aliases, names, key, moment, of_tier=False)
        return found[-1] if found else None

    def applied(self, sheet: PriceSheet, names: Names, key: PriceKey, moment: datetime, *, of_tier: bool) -> PriceSheet:
        """Listed prices with what was agreed: on standard prices, or on those of the key's own tier or region.

        Of several entries that give one bucket a price the narrowest counts. A discount is taken off listed prices, not
        off prices that were agreed.
        """
        if not self.priced:
            return sheet
        agreed: dict[str, Rate] = {}
        for entry in self._in_force(self.prices, names, key, moment, of_tier=of_tier):
            if entry.alone:
                sheet, agreed = {}, {}
            agreed.update(entry.prices)
        merged = {**sheet, **agreed}
        discounts = self._in_force(self.discounts, names, key, moment, of_tier=of_tier)
        return _discounted(merged, agreed, discounts) if discounts else merged

    def over_reported(self, names: Names, key: PriceKey, moment: datetime) -> bool:
        """Whether the prices of a call go before what its provider reports."""
        return any(entry.over_reported for entry in self.priced if _applies(entry.scope, names, key, moment))

    def _in_force(
        self, entries: Iterable[_E], names: Names, key: PriceKey, moment: datetime, *, of_tier: bool
    ) -> list[_E]:
        """The entries about a call, the narrowest last; of equally narrow ones the last in the file."""
        found = [entry for entry in entries if _applies(entry.scope, names, key, moment)]
        chosen = [entry for entry in found if bool(entry.scope.service_tier or entry.scope.region) == of_tier]
        return sorted(chosen, key=lambda entry: entry.scope.narrowness(names))


def _discounted(merged: PriceSheet, agreed: PriceSheet, discounts: Sequence[Discount]) -> PriceSheet:
    """A discount that names a bucket goes before one that does not."""
    discounted = dict(merged)
    for bucket, key in paying_keys(merged).items():
        about = [entry for entry in discounts if bucket in entry.buckets] or [
            each for each in discounts if not each.buckets
        ]
        rate = merged[key]
        discounted[own_key(bucket)] = rate if key in agreed or not about else about[-1].off(rate)
    return discounted


def _applies(scope: Scope, names: Names, key: PriceKey, moment: datetime) -> bool:
    return (
        scope.holds(moment)
        and scope.serves(key.tenant)
        and fnmatchcase(key.service_tier.lower(), scope.service_tier or "*")
        and fnmatchcase(key.region.lower(), scope.region or "*")
        and any(scope.names(provider, model) for provider, model in names)
    )
