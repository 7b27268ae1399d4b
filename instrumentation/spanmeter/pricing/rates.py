"""The rates of one model at one time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from typing import Final

from spanmeter.pricing.money import MONEY, PLACES


@dataclass(frozen=True, slots=True)
class Rate:
    """US dollars per million tokens, or per thousand searches or requests.

    `steps` are (threshold, price), ascending: a request whose whole input exceeds a threshold pays that price
    for every token, which is how providers bill long context. `source` says where it comes from, for people.
    """

    base: Decimal
    steps: tuple[tuple[int, Decimal], ...] = ()
    source: str = field(default="", compare=False)

    def price(self, input_tokens: int) -> Decimal:
        """The price for a request with `input_tokens` of input, cached ones included."""
        price = self.base
        for threshold, stepped in self.steps:
            if input_tokens > threshold:
                price = stepped
        return price

    def times(self, factor: Decimal, why: str) -> Rate:
        """The same rate with every price multiplied, to 12 decimal places; `why` is added to its source."""
        steps = tuple((threshold, _rounded(price * factor)) for threshold, price in self.steps)
        return Rate(_rounded(self.base * factor), steps, f"{self.source}, times {factor.normalize(MONEY):f} ({why})")


def _rounded(price: Decimal) -> Decimal:
    return price.quantize(PLACES, context=MONEY).normalize(MONEY)


@dataclass(frozen=True, slots=True)
class Line:
    """One price of a bill as it is shown (per million tokens or per unit) and as it is multiplied (`usd_each`).

    `picos` is `usd_each` in 1e-12 US dollars, the last place of an amount, and `attos` in 1e-18; None when that is no
    whole number.
    """

    usd_per_mtok: Decimal | None
    usd_per_unit: Decimal | None
    usd_each: Decimal
    picos: int | None = field(init=False, repr=False, compare=False)
    attos: int | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "picos", _whole(self.usd_each.scaleb(12, MONEY)))
        object.__setattr__(self, "attos", _whole(self.usd_each.scaleb(18, MONEY)))


def _whole(number: Decimal) -> int | None:
    return int(number) if number == number.to_integral_value() else None


# Rates under the price list's own keys: `input_mtok`, `cache_read_mtok`, …, and `…_kcount` per thousand and so on.
# `compute_hours` is the price of an hour of a call's own time.
PriceSheet = Mapping[str, Rate]

_TOKEN_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "input": ("input_mtok",),
    "cache_read": ("cache_read_mtok", "input_mtok"),
    "cache_write_5m": ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    "input_audio": ("input_audio_mtok", "input_mtok"),
    "cache_read_audio": ("cache_audio_read_mtok", "cache_read_mtok", "input_audio_mtok", "input_mtok"),
    "input_image": ("input_image_mtok", "input_mtok"),
    "cache_read_image": ("cache_image_read_mtok", "cache_read_mtok", "input_image_mtok", "input_mtok"),
    "output": ("output_mtok",),
    "reasoning": ("output_reasoning_mtok", "output_mtok"),
    "output_audio": ("output_audio_mtok", "output_mtok"),
    "output_image": ("output_image_mtok", "output_mtok"),
    "citation_tokens": ("output_citation_mtok",),
}
# How many units each price is for.
_UNIT_KEYS: Final[Mapping[str, tuple[tuple[str, int], ...]]] = {
    "web_searches": (("web_searches_kcount", 1000),),
    "web_searches_low": (("web_searches_low_kcount", 1000), ("requests_kcount", 1000), ("web_searches_kcount", 1000)),
    "web_searches_medium": (
        ("web_searches_medium_kcount", 1000),
        ("requests_kcount", 1000),
        ("web_searches_kcount", 1000),
    ),
    "web_searches_high": (("web_searches_high_kcount", 1000), ("requests_kcount", 1000), ("web_searches_kcount", 1000)),
    "rerank_searches": (("rerank_searches_kcount", 1000),),
    "social_searches": (("social_searches_kcount", 1000),),
    "attachment_searches": (("attachment_searches_kcount", 1000),),
    "file_searches": (("storage_searches_kcount", 1000),),
    "search_sources": (("search_sources_kcount", 1000),),
    "code_executions": (("code_executions_kcount", 1000),),
    "input_characters": (("input_mchars", 1_000_000),),
    "input_audio_seconds": (("input_audio_hours", 3600), ("audio_hours", 3600)),
    "input_images": (("input_images_kcount", 1000),),
    "output_images": (("output_images_kcount", 1000),),
    "input_pixels": (("input_gpixels", 1_000_000_000),),
    "pages": (("input_document_kpages", 1000),),
    "requests": (("requests_kcount", 1000),),
    "compute_ms": (("compute_hours", 3_600_000),),
}
TOKEN_PRICES: Final = {bucket: keys[0] for bucket, keys in _TOKEN_KEYS.items()}
UNIT_PRICES: Final = {bucket: units[0] for bucket, units in _UNIT_KEYS.items() if bucket != "compute_ms"}
"""The key of each bucket's own price; for units with how many of them that price is for."""
_KEYS: Final = dict(_TOKEN_KEYS) | {bucket: tuple(key for key, _ in units) for bucket, units in _UNIT_KEYS.items()}
UNIT_PLACES: Final = Decimal("1e-18")


@dataclass(frozen=True, slots=True)
class Rates:
    """What each usage bucket costs, `requests` where each is charged, `compute_ms` where time is; absent is not known.

    `steps` are (threshold, lines) in the same sense as in `Rate`, ascending. `reason` says why there are no prices at
    all; `over_reported` that these go before what the provider reports.
    """

    lines: Mapping[str, Line] = field(default_factory=dict)
    steps: tuple[tuple[int, Mapping[str, Line]], ...] = ()
    reason: str = ""
    over_reported: bool = False

    @classmethod
    def of(cls, sheet: PriceSheet, *, over_reported: bool = False) -> Rates:
        """The rates of a price sheet: a bucket without a price of its own pays that of the wider one around it."""
        thresholds = sorted({threshold for rate in sheet.values() for threshold, _ in rate.steps})
        steps = tuple((threshold, _lines(sheet, threshold + 1)) for threshold in thresholds)
        return cls(_lines(sheet, 0), steps, over_reported=over_reported)

    def lines_for(self, input_tokens: int) -> Mapping[str, Line]:
        """The prices for a request with `input_tokens` of input, cached ones included."""
        lines = self.lines
        for threshold, stepped in self.steps:
            if input_tokens > threshold:
                lines = stepped
        return lines


def _lines(sheet: PriceSheet, input_tokens: int) -> dict[str, Line]:
    lines: dict[str, Line] = {}
    for bucket, keys in _TOKEN_KEYS.items():
        key = _first(keys, sheet)
        if key is not None:
            price = sheet[key].price(input_tokens)
            lines[bucket] = Line(price, None, price.scaleb(-6))
    for bucket, units in _UNIT_KEYS.items():
        key, many = next((unit for unit in units if unit[0] in sheet), ("", 1))
        if key:
            price = _each(sheet[key].price(input_tokens), many)
            lines[bucket] = Line(None, price, price)
    return lines


def own_key(bucket: str) -> str:
    """The key of a bucket's own price."""
    return _KEYS[bucket][0]


def each_of(bucket: str, price: Decimal) -> Decimal:
    """A price of the list as it is shown: per million tokens, or for one unit of the bucket."""
    return price if bucket in TOKEN_PRICES else _each(price, _UNIT_KEYS[bucket][0][1])


def paying_keys(sheet: PriceSheet) -> dict[str, str]:
    """The key whose price each bucket pays, for all buckets that have a price."""
    found = {bucket: _first(keys, sheet) for bucket, keys in _KEYS.items()}
    return {bucket: key for bucket, key in found.items() if key is not None}


def by_bucket(sheet: PriceSheet) -> PriceSheet:
    """The same prices with one for each bucket, also for those that pay a wider bucket's; other keys stay."""
    return {**sheet, **{own_key(bucket): sheet[key] for bucket, key in paying_keys(sheet).items()}}


def _first(keys: tuple[str, ...], sheet: PriceSheet) -> str | None:
    return next((key for key in keys if key in sheet), None)


def _each(price: Decimal, many: int) -> Decimal:
    return MONEY.divide(price, many).quantize(UNIT_PLACES, context=MONEY).normalize(MONEY)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rates of one UTC day as (from that time on, rates), ascending from midnight."""

    rates: tuple[tuple[time, Rates], ...]

    def at(self, moment: datetime) -> Rates:
        """The rates in force at a UTC time of that day."""
        in_force = self.rates[0][1]
        for start, rates in self.rates[1:]:
            if moment.time() >= start:
                in_force = rates
        return in_force
