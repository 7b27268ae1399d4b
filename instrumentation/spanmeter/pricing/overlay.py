"""Corrections over the price list, read from dated entries that name their source."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Any, Final

from spanmeter.pricing.rates import PriceSheet, Rate

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_EVERY_DAY: Final = frozenset(range(7))
_PRICE_ENDINGS: Final = ("_mtok", "_kcount")


@dataclass(frozen=True, slots=True)
class Scope:
    """The models and the time an entry is about."""

    provider: str
    models: tuple[str, ...]
    start: datetime
    end: datetime
    service_tier: str = ""
    region: str = ""
    weekdays: frozenset[int] = _EVERY_DAY

    def names(self, provider: str, model: str) -> bool:
        """Whether the entry is about that model, at any time."""
        return self.provider == provider and any(fnmatchcase(model, pattern) for pattern in self.models)

    def holds(self, moment: datetime) -> bool:
        """Whether the entry is in force at that time."""
        return self.start <= moment < self.end and moment.weekday() in self.weekdays


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """Prices that replace or add to the listed ones, under the list's own keys such as `input_mtok`."""

    scope: Scope
    prices: PriceSheet


@dataclass(frozen=True, slots=True)
class FactorEntry:
    """What a service tier or a region multiplies token prices by."""

    scope: Scope
    factor: Decimal


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
            prices=tuple(PriceEntry(_scope(entry), _prices(entry)) for entry in entries.get("price", ())),
            factors=tuple(FactorEntry(_scope(entry), Decimal(entry["factor"])) for entry in entries.get("factor", ())),
        )

    def prices_for(self, provider: str, model: str) -> tuple[PriceEntry, ...]:
        """The price entries about a model, whatever their time."""
        return tuple(entry for entry in self.prices if entry.scope.names(provider, model))

    def tier_factor(self, provider: str, model: str, moment: datetime, service_tier: str) -> Decimal | None:
        """What the tier multiplies token prices by, or None when that is not known."""
        return _last(
            entry.factor
            for entry in self.factors
            if entry.scope.service_tier == service_tier
            and entry.scope.names(provider, model)
            and entry.scope.holds(moment)
        )

    def region_factor(self, provider: str, model: str, moment: datetime, region: str) -> Decimal:
        """What the region multiplies token prices by; 1 when no entry says otherwise."""
        found = _last(
            entry.factor
            for entry in self.factors
            if fnmatchcase(region, entry.scope.region)
            and entry.scope.names(provider, model)
            and entry.scope.holds(moment)
        )
        return Decimal(1) if found is None or not region else found


def _last(factors: Iterable[Decimal]) -> Decimal | None:
    found = None
    for factor in factors:
        found = factor
    return found


def _scope(entry: Mapping[str, Any]) -> Scope:
    for key in ("provider", "models", "source"):
        if not entry.get(key):
            raise ValueError(f"price entry {dict(entry)!r} needs {key!r}")
    return Scope(
        provider=entry["provider"],
        models=tuple(entry["models"]),
        start=entry.get("start", _FIRST),
        end=entry.get("end", _LAST),
        service_tier=entry.get("service_tier", ""),
        region=entry.get("region", ""),
        weekdays=frozenset(entry.get("weekdays", _EVERY_DAY)),
    )


def _prices(entry: Mapping[str, Any]) -> PriceSheet:
    prices = {key: _rate(value) for key, value in entry.items() if key.endswith(_PRICE_ENDINGS)}
    if not prices:
        raise ValueError(f"price entry {dict(entry)!r} has no price such as 'input_mtok'")
    return prices


def _rate(value: Decimal | int | list[list[Decimal | int]]) -> Rate:
    if not isinstance(value, list):
        return Rate(Decimal(value))
    (_, base), *steps = value
    return Rate(Decimal(base), tuple((int(threshold), Decimal(price)) for threshold, price in steps))
