"""The price book: what a call cost, from list prices, offline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Final

from spanmeter.pricing.cost import Component, Cost
from spanmeter.pricing.key import PriceKey
from spanmeter.pricing.rates import Rates, Schedule
from spanmeter.pricing.usage import UNIT_BUCKETS, Usage

if TYPE_CHECKING:
    from spanmeter.pricing.listing import Listing

_PLACES: Final = Decimal("1e-12")
_MILLIONTH: Final = Decimal("1e-6")
_MONEY: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_MAX_CACHED: Final = 16_384


class PriceBook:
    """Prices calls from a private copy of the list prices; safe to share between threads."""

    def __init__(self, listing: Listing) -> None:
        self.version = listing.version
        self._listing = listing
        self._schedules: dict[tuple[PriceKey, date], Schedule] = {}

    @classmethod
    def load(cls) -> PriceBook:
        """Read the installed price list; never uses the network. The first time in a process takes some 0.4 s."""
        from spanmeter.pricing.listing import Listing  # noqa: PLC0415  imports pydantic, paid only by who prices
        from spanmeter.pricing.overlay import Overlay  # noqa: PLC0415  reads TOML, as above

        return cls(Listing(Overlay.load()))

    def cost(
        self,
        key: PriceKey,
        usage: Usage,
        *,
        at: datetime,
        reported_usd: Decimal | None = None,
        estimated: bool = False,
    ) -> Cost:
        """What a call answered at `at` (naive means UTC) cost.

        What the provider itself reported wins over list prices; `estimated` says that the usage is an estimate.
        An unknown model or bucket raises nothing: the cost is `unpriced` and says why.
        """
        if reported_usd is not None:
            return _reported(reported_usd, self.version)
        moment = at if at.tzinfo is None or at.tzinfo is UTC else at.astimezone(UTC)
        schedule = self._schedule(key, moment.date())
        components = tuple(_components(schedule.at(moment) if schedule.rates else _NO_RATES, usage))
        unknown = [component.label for component in components if component.usd is None]
        if schedule.reason or unknown:
            reason = schedule.reason or f"no price for {', '.join(unknown)} of model {key.model!r}"
            return Cost(None, "unpriced", components, self.version, reason)
        return Cost(_total(components), "estimated" if estimated else "computed", components, self.version)

    def _schedule(self, key: PriceKey, day: date) -> Schedule:
        found = self._schedules.get((key, day))
        if found is None:
            if len(self._schedules) >= _MAX_CACHED:
                self._schedules.clear()
            found = self._schedules[key, day] = self._listing.schedule(key, day)
        return found


_ZERO: Final = Decimal("0E-12")
_NO_RATES: Final = Rates()


def _reported(usd: Decimal, version: str) -> Cost:
    rounded = _MONEY.quantize(usd, _PLACES)
    return Cost(rounded, "reported", (Component("reported", 1, None, rounded, rounded),), version)


def _total(components: tuple[Component, ...]) -> Decimal:
    total = _ZERO
    for component in components:
        if component.usd is not None:
            total = _MONEY.add(total, component.usd)
    return total


def _components(rates: Rates, usage: Usage) -> Iterator[Component]:
    input_tokens = usage.input_tokens
    for bucket, count in usage:
        rate = rates.buckets.get(bucket)
        price = None if rate is None else rate.price(input_tokens)
        yield _component(bucket, count, price, per_unit=bucket in UNIT_BUCKETS)
    fee = rates.buckets.get("requests")
    if fee is not None:
        yield _component("requests", 1, fee.price(input_tokens), per_unit=True)


def _component(label: str, count: int, price: Decimal | None, *, per_unit: bool) -> Component:
    if price is None:
        return Component(label, count, None, None, None)
    if per_unit:
        return Component(label, count, None, price, _MONEY.quantize(_MONEY.multiply(price, count), _PLACES))
    usd = _MONEY.quantize(_MONEY.multiply(_MONEY.multiply(price, count), _MILLIONTH), _PLACES)
    return Component(label, count, price, None, usd)
