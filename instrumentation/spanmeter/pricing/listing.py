"""List prices, read from a private copy of genai-prices.

Importing this module imports genai-prices and pydantic (some 0.3 s of CPU), so `PriceBook.load` does it on demand.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from typing import Final

from genai_prices.data import providers
from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, TieredPrices, TimeOfDateConstraint

from spanmeter.pricing.key import PriceKey
from spanmeter.pricing.names import model_names, provider_id
from spanmeter.pricing.rates import Rate, Rates, Schedule

TOKEN_PRICES: Final[Mapping[str, tuple[str, ...]]] = {
    "input": ("input_mtok",),
    "cache_read": ("cache_read_mtok", "input_mtok"),
    "cache_write_5m": ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    "input_audio": ("input_audio_mtok", "input_mtok"),
    "cache_read_audio": ("cache_audio_read_mtok", "cache_read_mtok", "input_audio_mtok", "input_mtok"),
    "input_image": ("input_image_mtok", "input_mtok"),
    "output": ("output_mtok",),
    "reasoning": ("output_reasoning_mtok", "output_mtok"),
    "output_audio": ("output_audio_mtok", "output_mtok"),
    "output_image": ("output_image_mtok", "output_mtok"),
}
THOUSAND_PRICES: Final[Mapping[str, str]] = {
    "web_searches": "web_searches_kcount",
    "rerank_searches": "rerank_searches_kcount",
}
_CONTEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "batch": {"processing": "batch"},
    "fast": {"service_tier": "fast", "speed": "fast"},
}


class Listing:
    """Schedules by price key from a snapshot that nothing else in the process can swap or change."""

    version: Final = f"genai-prices {version('genai-prices')}"

    def __init__(self) -> None:
        self._snapshot = DataSnapshot(providers=list(providers), from_auto_update=False)

    def schedule(self, key: PriceKey, day: date) -> Schedule:
        """The rates of a model on one UTC day; without rates and with the reason when it is not listed."""
        provider = provider_id(key.provider)
        for name in model_names(provider, key.model):
            model = self._model(provider, name)
            if model is not None:
                return Schedule(_day(model, day, key.service_tier))
        return Schedule(reason=f"no price for model {key.model!r} of provider {key.provider!r}")

    def _model(self, provider: str, name: str) -> ModelInfo | None:
        try:
            return self._snapshot.find_provider_model(name, None, provider, None)[1]
        except LookupError:
            return None


def _day(model: ModelInfo, day: date, service_tier: str) -> tuple[tuple[time, Rates], ...]:
    context = _CONTEXTS.get(service_tier, {"service_tier": service_tier} if service_tier else {})
    return tuple(
        (start, _rates(model.get_prices(datetime.combine(day, start, UTC), context or None)))
        for start in _changes(model)
    )


def _changes(model: ModelInfo) -> list[time]:
    changes = {time(0)}
    for conditional in model.prices if isinstance(model.prices, list) else ():
        changes.update(_daily_bounds(conditional))
    return sorted(changes)


def _daily_bounds(conditional: ConditionalPrice) -> tuple[time, ...]:
    window = conditional.constraint
    if not isinstance(window, TimeOfDateConstraint):
        return ()
    return tuple(bound.replace(tzinfo=None) for bound in (window.start_time, window.end_time))


def _rates(price: ModelPrice) -> Rates:
    listed = {key: value for key, value in vars(price).items() if value is not None}
    buckets = {
        bucket: _rate(listed[found], Decimal(1))
        for bucket, keys in TOKEN_PRICES.items()
        if (found := next((key for key in keys if key in listed), None))
    }
    buckets |= {
        bucket: _rate(listed[key], Decimal("0.001")) for bucket, key in THOUSAND_PRICES.items() if key in listed
    }
    request = _rate(listed["requests_kcount"], Decimal("0.001")) if "requests_kcount" in listed else None
    return Rates(buckets, request)


def _rate(listed: Decimal | TieredPrices, factor: Decimal) -> Rate:
    if isinstance(listed, TieredPrices):
        return Rate(listed.base, tuple((tier.start, tier.price) for tier in listed.tiers)).times(factor)
    return Rate(listed).times(factor)
