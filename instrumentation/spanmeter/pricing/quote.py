"""What a model costs at a time, bucket by bucket, and where each price comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from difflib import get_close_matches
from typing import Final

from spanmeter.pricing.key import PriceKey
from spanmeter.pricing.listing import Listing
from spanmeter.pricing.money import MONEY
from spanmeter.pricing.names import platform
from spanmeter.pricing.rates import TOKEN_PRICES, PriceSheet, each_of, paying_keys

TIERS: Final = ("batch", "flex", "priority", "fast")
_MOST_NEAR: Final = 5
_ALIKE: Final = 0.6


@dataclass(frozen=True, slots=True)
class QuotedPrice:
    """The price of the buckets that pay it: per million tokens, or each.

    `steps` are (threshold, price): what it is when the whole input is longer than the threshold.
    """

    buckets: tuple[str, ...]
    per_mtok: bool
    usd: Decimal
    steps: tuple[tuple[int, Decimal], ...]
    source: str


@dataclass(frozen=True, slots=True)
class Quote:
    """The prices of a provider's model; none, with the reason, when they are not known.

    `name` is the model as the list has it, `alias` where the user's file says that the model is another one.
    `tiers` are the prices of service tiers that differ from the standard ones.
    """

    key: PriceKey
    provider: str
    name: str
    alias: str
    prices: tuple[QuotedPrice, ...]
    tiers: tuple[tuple[str, tuple[QuotedPrice, ...]], ...] = ()
    regions: tuple[tuple[str, Decimal, str], ...] = ()
    over_reported: bool = False
    reason: str = ""


def quotes(listing: Listing, key: PriceKey, moment: datetime) -> list[Quote]:
    """What a key's model costs: at its provider, or at every provider that is known to serve it when it names none."""
    with localcontext(MONEY):
        if key.provider:
            return [_quote(listing, key, moment)]
        named = [key._replace(provider=provider) for provider in listing.providers]
        found = [_quote(listing, each, moment) for each in named]
    return [each for each in found if each.prices and platform(each.key.provider) in {"", each.provider}]


def near(listing: Listing, key: PriceKey) -> list[str]:
    """Names that are much like a model's, the most alike first."""
    wanted = key.model.strip().lower().rpartition("/")[2]
    return get_close_matches(wanted, sorted(listing.models(key.provider)), n=_MOST_NEAR, cutoff=_ALIKE)


def _quote(listing: Listing, key: PriceKey, moment: datetime) -> Quote:
    listed = listing.find(key, moment)
    sheet = listing.sheet(key, moment)
    rates = listing.rates(key, moment)
    quote = Quote(
        key=key,
        provider=listed.platform or listed.provider,
        name=listed.name,
        alias="" if listed.alias is None else listed.alias.source,
        prices=_prices(sheet or {}),
        regions=tuple(listing.regions(listed, moment)),
        over_reported=rates.over_reported,
        reason=rates.reason,
    )
    return quote if key.service_tier else replace(quote, tiers=tuple(_tiers(listing, key, moment, sheet or {})))


def _tiers(
    listing: Listing, key: PriceKey, moment: datetime, standard: PriceSheet
) -> Iterable[tuple[str, tuple[QuotedPrice, ...]]]:
    usual = {bucket: standard[key] for bucket, key in paying_keys(standard).items()}
    for tier in TIERS:
        sheet = listing.sheet(key._replace(service_tier=tier), moment) or {}
        paying = paying_keys(sheet)
        differing = {bucket for bucket, price in paying.items() if usual.get(bucket) != sheet[price]}
        prices = tuple(price for price in _prices(sheet) if differing & set(price.buckets))
        if prices:
            yield tier, prices


def _prices(sheet: PriceSheet) -> tuple[QuotedPrice, ...]:
    """One price for all buckets that pay the same, in the order of buckets."""
    together: dict[tuple[object, ...], QuotedPrice] = {}
    for bucket, key in paying_keys(sheet).items():
        rate, per_mtok = sheet[key], bucket in TOKEN_PRICES
        steps = tuple((threshold, each_of(bucket, price)) for threshold, price in rate.steps)
        price = QuotedPrice((bucket,), per_mtok, each_of(bucket, rate.base), steps, rate.source)
        same = (per_mtok, price.usd, steps, rate.source)
        before = together.get(same)
        together[same] = price if before is None else replace(before, buckets=(*before.buckets, bucket))
    return tuple(together.values())
