"""What to pay: a private copy of genai-prices under Spanmeter's own corrections, under the user's own prices.

Importing this module imports genai-prices and pydantic (some 0.3 s of CPU), so `PriceBook.load` does it on demand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

from genai_prices.data import providers
from genai_prices.data_snapshot import find_provider_by_id
from genai_prices.types import ModelInfo

from spanmeter.pricing.key import PriceKey
from spanmeter.pricing.listed import LIST_VERSION, Listed, dated_changes
from spanmeter.pricing.names import listed_provider, model_names, platform, provider_id
from spanmeter.pricing.overlay import FactorEntry, Overlay
from spanmeter.pricing.rates import PriceSheet, Rates, Schedule
from spanmeter.pricing.terms import Terms

# The other words for a tier name the standard price: https://platform.openai.com/docs/api-reference/chat/object.
_TIER_CONTEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "batch": {"processing": "batch"},
    "fast": {"service_tier": "fast", "speed": "fast"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}


class Listing:
    """Schedules by price key. Other users of genai-prices in the process may swap its global book; this one stays."""

    def __init__(self, overlay: Overlay, terms: Terms) -> None:
        versions = (LIST_VERSION, f"overlay {overlay.version}", terms.version)
        self.version = " + ".join(filter(None, versions))
        self.terms = terms
        self.may_go_before_reported = terms.may_go_before_reported
        self._tenants = terms.tenants
        self._overlay = overlay
        self._providers = list(providers)

    @property
    def has_tenants(self) -> bool:
        """Whether any tenant may pay other prices than the others."""
        return bool(self._tenants)

    def names_tenant(self, tenant: str) -> bool:
        """Whether that tenant may pay other prices than the others."""
        return bool(self._tenants) and any(fnmatchcase(tenant, pattern) for pattern in self._tenants)

    def schedule(self, key: PriceKey, day: date) -> Schedule:
        """The rates of a model on one UTC day; without prices and with the reason while they are not known."""
        starts = {time(0)} | self.terms.changes(day)
        starts |= {change for start in starts for change in self.find(key, _at(day, start)).changes(day)}
        return Schedule(tuple((start, self.rates(key, _at(day, start))) for start in sorted(starts)))

    def find(self, key: PriceKey, moment: datetime) -> Listed:
        """The listed model that a key means at a time, after the user's alias if there is one."""
        own = _names(key)
        alias = self.terms.alias(own, key, moment)
        if alias is None:
            return self._find(key, own)
        target = PriceKey(alias.provider or key.provider, alias.model)
        found = self._find(target, _names(target))
        names = found.names if alias.provider else (*own, *found.names)
        return replace(found, names=names, alias=alias)

    def sheet(self, key: PriceKey, moment: datetime) -> PriceSheet | None:
        """The prices of a key at a time; None when those of its service tier are not known."""
        return self._sheet(self.find(key, moment), key, moment)

    def rates(self, key: PriceKey, moment: datetime) -> Rates:
        """The rates of a key at a time, in the context MONEY; without prices and with the reason when not known."""
        listed = self.find(key, moment)
        sheet = self._sheet(listed, key, moment)
        if sheet is None:
            return Rates(reason=f"no price for the {key.service_tier} tier of model {key.model!r}")
        if not sheet and not listed.known:
            return Rates(reason=f"no price for model {key.model!r} of provider {key.provider!r}")
        return Rates.of(sheet, over_reported=self.terms.over_reported(listed.names, key, moment))

    @property
    def providers(self) -> list[str]:
        """The ids of all providers that the list, the overlay or the user's file name."""
        own = {scope.provider for scope in (*self.terms.scopes, *self._overlay.scopes)}
        named = {provider for provider in own if not {"*", "?", "["} & set(provider)}
        return sorted(named | {provider.id for provider in self._providers})

    def newest_change(self, day: date) -> date:
        """The day of the newest price change that the list knows of, up to a day: how old the list is at least."""
        dates = (change for each in self._providers for model in each.models for change in dated_changes(model))
        return max((change for change in dates if change <= day), default=date.min)

    def models(self, provider: str) -> set[str]:
        """The names of the models that a provider, or with "" any, is listed with."""
        wanted = provider_id(provider)
        listed = {model.id for each in self._providers if wanted in {"", each.id} for model in each.models}
        scopes = (*self.terms.scopes, *self._overlay.scopes)
        own = {name for scope in scopes if wanted in {"", scope.provider} for name in scope.models}
        return listed | {name for name in own if not {"*", "?", "["} & set(name)}

    def regions(self, listed: Listed, moment: datetime) -> Iterator[tuple[str, Decimal, str]]:
        """The regions in which a model has other prices: (pattern, factor, source)."""
        for entry in self._overlay.factors:
            if entry.scope.region and entry.scope.names(listed.provider, listed.name) and entry.scope.holds(moment):
                yield entry.scope.region, entry.factor, entry.source

    def _sheet(self, listed: Listed, key: PriceKey, moment: datetime) -> PriceSheet | None:
        sheet = self.terms.applied(listed.standard(moment), listed.names, key, moment, of_tier=False)
        own = self.terms.applied({}, listed.names, key, moment, of_tier=True)
        context = _TIER_CONTEXTS.get(key.service_tier.lower())
        if context is not None and "compute_hours" not in sheet:
            tier = listed.tier(moment, context, sheet) or self._tier(key, listed, moment, sheet)
            if tier is None and not own:
                return None
            sheet = tier or sheet
        region = self._overlay.region_factor(listed.provider, listed.name, moment, key.region)
        return self.terms.applied(_times(sheet, region), listed.names, key, moment, of_tier=True)

    def _find(self, key: PriceKey, names: tuple[tuple[str, str], ...]) -> Listed:
        provider = listed_provider(key.provider, key.model)
        for name in model_names(provider, key.model):
            there = platform(key.provider)
            theirs, own = self._overlay.prices_for(provider, name), self._overlay.prices_for(there, name)
            model = self._model(provider, name)
            listed = Listed(provider, name, names, model, theirs + own, platform=there if own else "")
            if listed.known:
                return listed
        return Listed(provider, key.model.strip().lower(), names)

    def _model(self, provider: str, name: str) -> ModelInfo | None:
        found = find_provider_by_id(self._providers, provider) if provider else None
        return found.find_model(name, all_providers=self._providers) if found else None

    def _tier(self, key: PriceKey, listed: Listed, moment: datetime, standard: PriceSheet) -> PriceSheet | None:
        factor = self._overlay.tier_factor(listed.provider, listed.name, moment, key.service_tier.lower())
        return None if factor is None else _times(standard, factor)


def _names(key: PriceKey) -> tuple[tuple[str, str], ...]:
    provider, there = listed_provider(key.provider, key.model), platform(key.provider)
    sellers = (provider, there) if there else (provider,)
    return tuple((seller, name) for seller in sellers for name in model_names(provider, key.model))


def _at(day: date, start: time) -> datetime:
    return datetime.combine(day, start, UTC)


def _times(sheet: PriceSheet, entry: FactorEntry | None) -> PriceSheet:
    if entry is None or entry.factor == 1:
        return sheet
    return {
        key: rate.times(entry.factor, entry.source) if key.endswith("_mtok") else rate for key, rate in sheet.items()
    }
