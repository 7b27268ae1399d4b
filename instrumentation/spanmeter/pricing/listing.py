"""List prices: a private copy of genai-prices under Spanmeter's own corrections.

Importing this module imports genai-prices and pydantic (some 0.3 s of CPU), so `PriceBook.load` does it on demand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from typing import Final

from genai_prices.data import providers
from genai_prices.data_snapshot import find_provider_by_id
from genai_prices.types import ModelInfo, ModelPrice, PriceVariant, StartDateConstraint, TieredPrices
from genai_prices.types import TimeOfDateConstraint as DailyWindow

from spanmeter.pricing.key import PriceKey
from spanmeter.pricing.names import listed_provider, model_names
from spanmeter.pricing.overlay import Overlay, PriceEntry
from spanmeter.pricing.rates import PriceSheet, Rate, Rates, Schedule

# The other words for a tier name the standard price: https://platform.openai.com/docs/api-reference/chat/object.
_TIER_CONTEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "batch": {"processing": "batch"},
    "fast": {"service_tier": "fast", "speed": "fast"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}


class Listing:
    """Schedules by price key. Other users of genai-prices in the process may swap its global book; this one stays."""

    def __init__(self, overlay: Overlay) -> None:
        self.version = f"genai-prices {version('genai-prices')} + overlay {overlay.version}"
        self._overlay = overlay
        self._providers = list(providers)

    def schedule(self, key: PriceKey, day: date) -> Schedule:
        """The rates of a model on one UTC day; without rates and with the reason when they are not known."""
        provider = listed_provider(key.provider, key.model)
        for name in model_names(provider, key.model):
            model, entries = self._model(provider, name), self._overlay.prices_for(provider, name)
            if model is not None or entries:
                return self._day(key, _Listed(provider, name, model, entries), day)
        return Schedule(reason=f"no price for model {key.model!r} of provider {key.provider!r}")

    def _model(self, provider: str, name: str) -> ModelInfo | None:
        found = find_provider_by_id(self._providers, provider) if provider else None
        return found.find_model(name, all_providers=self._providers) if found else None

    def _day(self, key: PriceKey, listed: _Listed, day: date) -> Schedule:
        rates: list[tuple[time, Rates]] = []
        for start in listed.changes(day):
            sheet = self._sheet(key, listed, datetime.combine(day, start, UTC))
            if sheet is None:
                return Schedule(reason=f"no price for the {key.service_tier} tier of model {key.model!r}")
            rates.append((start, Rates.of(sheet)))
        return Schedule(tuple(rates))

    def _sheet(self, key: PriceKey, listed: _Listed, moment: datetime) -> PriceSheet | None:
        sheet: PriceSheet | None = listed.standard(moment)
        context = _TIER_CONTEXTS.get(key.service_tier.lower())
        if context is not None:
            sheet = listed.tier(moment, context) or self._tier(key, listed, moment)
        if sheet is None:
            return None
        region = self._overlay.region_factor(listed.provider, listed.name, moment, key.region)
        return _times(sheet, region, f"region {key.region}")

    def _tier(self, key: PriceKey, listed: _Listed, moment: datetime) -> PriceSheet | None:
        factor = self._overlay.tier_factor(listed.provider, listed.name, moment, key.service_tier.lower())
        return None if factor is None else _times(listed.standard(moment), factor, f"tier {key.service_tier}")


@dataclass(frozen=True, slots=True)
class _Listed:
    provider: str
    name: str
    model: ModelInfo | None
    entries: tuple[PriceEntry, ...]

    def changes(self, day: date) -> list[time]:
        """The times of that day at which the price may change, midnight first."""
        bounds = (bound for entry in self.entries for bound in (entry.scope.start, entry.scope.end))
        dated = {bound.time() for bound in bounds if bound.date() == day}
        return sorted({time(0)} | dated | _daily_bounds(self.model))

    def standard(self, moment: datetime) -> PriceSheet:
        """The standard price: the list's, under the corrections in force."""
        sheet = {} if self.model is None else dict(_sheet(self.model.get_prices(moment)))
        for entry in self.entries:
            if entry.scope.holds(moment):
                sheet.update(entry.prices)
        return sheet

    def tier(self, moment: datetime, context: Mapping[str, str]) -> PriceSheet | None:
        """The price of a service tier, or None when the list has none for this model.

        The list dates a tier from the day it was verified, not from the day it was sold. A response that was served
        earlier pays the first listed price of the tier, in proportion to the standard price of its own time.
        """
        variants = [variant for variant in self._variants() if _applies(variant, context)]
        if self.model is None or not variants:
            return None
        known = max(moment, min(_start(variant) for variant in variants))
        tier = _sheet(self.model.get_prices(known, context))
        listed = _sheet(self.model.get_prices(known))
        standard = self.standard(moment)
        return {key: _in_proportion(tier.get(key), listed.get(key), rate) for key, rate in standard.items()}

    def _variants(self) -> list[PriceVariant]:
        return [] if self.model is None else self.model.price_variants or []


def _daily_bounds(model: ModelInfo | None) -> set[time]:
    conditionals = model.prices if model is not None and isinstance(model.prices, list) else ()
    windows = [each.constraint for each in conditionals if isinstance(each.constraint, DailyWindow)]
    return {bound.replace(tzinfo=None) for window in windows for bound in (window.start_time, window.end_time)}


def _applies(variant: PriceVariant, context: Mapping[str, str]) -> bool:
    return bool(vars(variant.prices)) and all(context.get(key) == value for key, value in variant.when.items())


def _start(variant: PriceVariant) -> datetime:
    start = variant.constraint.start_date if isinstance(variant.constraint, StartDateConstraint) else date.min
    return datetime.combine(start, time(0), UTC)


def _in_proportion(tier: Rate | None, listed: Rate | None, standard: Rate) -> Rate:
    if tier is None or listed is None or listed == tier:
        return standard
    return (
        tier
        if listed == standard or not listed.base
        else tier.times(standard.base / listed.base, "in proportion to the price of its time")
    )


def _sheet(price: ModelPrice) -> PriceSheet:
    return {key: _rate(value) for key, value in vars(price).items() if value is not None}


def _rate(listed: Decimal | TieredPrices) -> Rate:
    if isinstance(listed, TieredPrices):
        return Rate(listed.base, tuple((tier.start, tier.price) for tier in listed.tiers))
    return Rate(listed)


def _times(sheet: PriceSheet, factor: Decimal, why: str) -> PriceSheet:
    if factor == 1:
        return sheet
    return {key: rate.times(factor, why) if key.endswith("_mtok") else rate for key, rate in sheet.items()}
