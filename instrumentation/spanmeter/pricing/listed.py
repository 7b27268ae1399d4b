"""One model of the price list, under the corrections of the overlay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from typing import Final

from genai_prices.types import ModelInfo, ModelPrice, PriceVariant, StartDateConstraint, TieredPrices
from genai_prices.types import TimeOfDateConstraint as DailyWindow

from spanmeter.pricing.overlay import PriceEntry
from spanmeter.pricing.rates import PriceSheet, Rate, by_bucket
from spanmeter.pricing.terms import Alias, Names

LIST_VERSION: Final = f"genai-prices {version('genai-prices')}"


@dataclass(frozen=True, slots=True)
class Listed:
    """What a provider's model is in the list and in the overlay; neither when it is not known.

    `names` are the (provider, model) pairs under which the user's own prices may be about it, `alias` is the one that
    led here, `platform` is where the provider sells it at another price.
    """

    provider: str
    name: str
    names: Names
    model: ModelInfo | None = None
    entries: tuple[PriceEntry, ...] = ()
    alias: Alias | None = None
    platform: str = ""

    @property
    def known(self) -> bool:
        """Whether list or overlay know it."""
        return self.model is not None or any(not entry.fills for entry in self.entries)

    def changes(self, day: date) -> set[time]:
        """The times of that day at which the price may change."""
        bounds = (bound for entry in self.entries for bound in (entry.scope.start, entry.scope.end))
        return {bound.time() for bound in bounds if bound.date() == day} | _daily_bounds(self.model)

    def standard(self, moment: datetime) -> PriceSheet:
        """The standard price: the list's, under the corrections in force."""
        sheet = {} if self.model is None else _sheet(self.model.get_prices(moment))
        for entry in self.entries:
            if entry.scope.holds(moment):
                sheet = {**entry.prices, **sheet} if entry.fills else {**sheet, **entry.prices}
        return sheet

    def tier(self, moment: datetime, context: Mapping[str, str], standard: PriceSheet) -> PriceSheet | None:
        """The price of a service tier in proportion to a standard price, or None when the list has none for this model.

        The list dates a tier from the day it was verified, not from the day it was sold. A response that was served
        earlier pays the first listed price of the tier, in proportion to the standard price of its own time.
        """
        variants = [variant for variant in self._variants() if _applies(variant, context)]
        if self.model is None or not variants:
            return None
        known = max(moment, min(_start(variant) for variant in variants))
        tier = by_bucket(_sheet(self.model.get_prices(known, context)))
        listed = by_bucket(_sheet(self.model.get_prices(known)))
        return {key: _in_proportion(tier.get(key), listed.get(key), rate) for key, rate in by_bucket(standard).items()}

    def _variants(self) -> list[PriceVariant]:
        return [] if self.model is None else self.model.price_variants or []


def dated_changes(model: ModelInfo) -> Iterator[date]:
    """The days from which the list has another price of a model."""
    conditionals = model.prices if isinstance(model.prices, list) else ()
    for each in (*conditionals, *(model.price_variants or ())):
        if isinstance(each.constraint, StartDateConstraint):
            yield each.constraint.start_date


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
    if listed == standard or not listed.base:
        return tier
    if not tier.steps:
        return standard.times(tier.base / listed.base, "tier")
    return tier.times(standard.base / listed.base, "in proportion to the standard price")


def _sheet(price: ModelPrice) -> dict[str, Rate]:
    return {key: _rate(value) for key, value in vars(price).items() if value is not None}


def _rate(listed: Decimal | TieredPrices) -> Rate:
    if isinstance(listed, TieredPrices):
        return Rate(listed.base, tuple((tier.start, tier.price) for tier in listed.tiers), LIST_VERSION)
    return Rate(listed, (), LIST_VERSION)
