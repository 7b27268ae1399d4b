"""Corrections over the price list, read from dated entries that name their source."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Any, Final

from spanmeter.pricing.rates import PriceSheet, Rate
from spanmeter.pricing.scope import EVERY_DAY, FIRST, LAST, Scope

_PRICE_ENDINGS: Final = ("_mtok", "_kcount", "_kpages", "_mchars", "_hours", "_gpixels")


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """Prices that replace or add to the listed ones, under the list's own keys such as `input_mtok`.

    One that `fills` gives only what is missing, and does not make a model known.
    """

    scope: Scope
    prices: PriceSheet
    fills: bool = False


@dataclass(frozen=True, slots=True)
class FactorEntry:
    """What a service tier or a region multiplies token prices by."""

    scope: Scope
    factor: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class Overlay:
    """All corrections, later ones over earlier ones."""

    version: str
    prices: tuple[PriceEntry, ...]
    factors: tuple[FactorEntry, ...]

    @classmethod
    def load(cls) -> Overlay:
        """Read the corrections that come with Spanmeter. Raises ValueError that names a malformed entry."""
        return cls.parse(files("spanmeter.pricing").joinpath("overlay.toml").read_text(encoding="utf-8"))

    @classmethod
    def parse(cls, text: str) -> Overlay:
        """Read corrections in the format that the head of overlay.toml describes."""
        entries = tomllib.loads(text, parse_float=Decimal)
        return cls(
            version=entries["version"],
            prices=tuple(
                PriceEntry(_scope(entry), _prices(entry), bool(entry.get("fills")))
                for entry in entries.get("price", ())
            ),
            factors=tuple(_factor(entry) for entry in entries.get("factor", ())),
        )

    @property
    def scopes(self) -> list[Scope]:
        """What the entries are about."""
        return [entry.scope for entry in self.prices] + [entry.scope for entry in self.factors]

    def prices_for(self, provider: str, model: str) -> tuple[PriceEntry, ...]:
        """The price entries about a model, whatever their time."""
        own = (entry for entry in self.prices if entry.scope.provider == provider)  # no patterns here, and most differ
        return tuple(entry for entry in own if entry.scope.names(provider, model))

    def tier_factor(self, provider: str, model: str, moment: datetime, service_tier: str) -> FactorEntry | None:
        """What the tier multiplies token prices by, or None when that is not known."""
        return _last(
            entry
            for entry in self.factors
            if entry.scope.service_tier == service_tier
            and entry.scope.names(provider, model)
            and entry.scope.holds(moment)
        )

    def region_factor(self, provider: str, model: str, moment: datetime, region: str) -> FactorEntry | None:
        """What the region multiplies token prices by; None when no entry says that it does."""
        return _last(
            entry
            for entry in self.factors
            if region
            and fnmatchcase(region, entry.scope.region)
            and entry.scope.names(provider, model)
            and entry.scope.holds(moment)
        )


def _last(entries: Iterable[FactorEntry]) -> FactorEntry | None:
    found = None
    for entry in entries:
        found = entry
    return found


def _factor(entry: Mapping[str, Any]) -> FactorEntry:
    scope = _scope(entry)
    return FactorEntry(
        scope, Decimal(entry["factor"]), f"{scope.service_tier or 'region ' + scope.region}, {entry['source']}"
    )


def _scope(entry: Mapping[str, Any]) -> Scope:
    for key in ("provider", "models", "source"):
        if not entry.get(key):
            raise ValueError(f"price entry {dict(entry)!r} needs {key!r}")
    return Scope(
        provider=entry["provider"],
        models=tuple(entry["models"]),
        start=entry.get("start", FIRST),
        end=entry.get("end", LAST),
        service_tier=entry.get("service_tier", ""),
        region=entry.get("region", ""),
        weekdays=frozenset(entry.get("weekdays", EVERY_DAY)),
    )


def _prices(entry: Mapping[str, Any]) -> PriceSheet:
    source = " ".join(filter(None, ("overlay", str(_scope(entry)), f"({entry['source']})")))
    prices = {key: _rate(value, source) for key, value in entry.items() if key.endswith(_PRICE_ENDINGS)}
    if not prices:
        raise ValueError(f"price entry {dict(entry)!r} has no price such as 'input_mtok'")
    return prices


def _rate(value: Decimal | int | list[list[Decimal | int]], source: str) -> Rate:
    if not isinstance(value, list):
        return Rate(Decimal(value), (), source)
    (_, base), *steps = value
    return Rate(Decimal(base), tuple((int(threshold), Decimal(price)) for threshold, price in steps), source)
