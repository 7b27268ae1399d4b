"""The price book: what a call cost, from list prices and the user's own, offline."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spanmeter.pricing.cost import Amount, Component, Cost
from spanmeter.pricing.key import PriceKey
from spanmeter.pricing.money import MONEY, PLACES
from spanmeter.pricing.rates import Rates, Schedule
from spanmeter.pricing.usage import Usage
from spanmeter.pricing.whole import (
    WholeCost,
    is_credible,
    lines_of,
    rounded,
    timed,
    whole_bill,
    whole_reported,
    with_request,
)

if TYPE_CHECKING:
    from spanmeter.pricing.listing import Listing

PRICES_VARIABLE: Final = "SPANMETER_PRICES"
_ZERO: Final = Decimal("0E-12")
_add, _multiply, _quantize = MONEY.add, MONEY.multiply, MONEY.quantize
_MAX_CACHED: Final = 4096
_UNPRICED: Final = Amount(None, "unpriced")


class PriceBook:
    """Prices calls from a private copy of the list prices; safe to share between threads."""

    def __init__(self, listing: Listing) -> None:
        self.version = listing.version
        self.listing = listing
        self._schedules: dict[tuple[PriceKey, date], Schedule] = {}

    @classmethod
    def load(cls, *, prices: str | Path | None = None) -> PriceBook:
        """Read the installed price list and a price file; never uses the network. The first time takes some 0.4 s.

        The user's price file is `prices` or what SPANMETER_PRICES names; "" is none. It is read once: a file that
        changes later is another book's.

        Raises:
            PriceFileError: The file cannot be read, or something in it is wrong; the message says what and where.
        """
        from spanmeter.pricing.listing import Listing  # noqa: PLC0415  imports pydantic, paid only by who prices
        from spanmeter.pricing.overlay import Overlay  # noqa: PLC0415  reads TOML, as above
        from spanmeter.pricing.price_file import read_price_file  # noqa: PLC0415  as above
        from spanmeter.pricing.terms import Terms  # noqa: PLC0415  as above

        path = os.environ.get(PRICES_VARIABLE, "") if prices is None else prices
        return cls(Listing(Overlay.load(), read_price_file(Path(path)) if path else Terms()))

    def cost(  # noqa: PLR0913  what is known of a call, each by its name
        self,
        key: PriceKey,
        usage: Usage,
        *,
        at: datetime,
        reported_usd: Decimal | None = None,
        estimated: bool = False,
        duration_s: Decimal | None = None,
    ) -> Cost:
        """What a call answered at `at` (naive means UTC) cost.

        What the provider itself reported wins over all prices, unless it is negative or absurd, or the user's own
        prices say that they go before it. `estimated` says that the usage is an estimate. `duration_s` is how long the
        call took: models of one's own may be paid by time.
        Nothing is raised for an unknown model or bucket, or for an empty usage: the cost is `unpriced` and says why.
        """
        reported = reported_usd if reported_usd is not None and is_credible(reported_usd) else None
        if reported is not None and not self.listing.may_go_before_reported:
            return _reported(reported, self.version)
        rates = self.rates(key, at)
        if reported is not None and not rates.over_reported:
            return _reported(reported, self.version)
        components, total, reason = _bill(rates, usage, duration_s)
        if total is not None and components:
            return Cost(total, "estimated" if estimated else "computed", components, self.version)
        if reported is not None:
            return _reported(reported, self.version)
        return Cost(None, "unpriced", components, self.version, reason or _reason(key, components))

    def amount(  # noqa: PLR0913  as above
        self,
        key: PriceKey,
        usage: Usage,
        *,
        at: datetime,
        reported_usd: Decimal | None = None,
        estimated: bool = False,
        duration_s: Decimal | None = None,
    ) -> Amount:
        """As `cost`, without the arithmetic: in whole numbers and a quarter of the time, for the application's path."""
        if reported_usd is None and at.tzinfo is UTC:
            rates = self._schedule(key, at.date()).at(at)
            if rates.reason:
                return _UNPRICED
            picos = _picos(rates, usage, duration_s)
            if picos is not None:
                return Amount(Decimal(picos).scaleb(-12, MONEY), "estimated" if estimated else "computed")
        cost = self.cost(key, usage, at=at, reported_usd=reported_usd, estimated=estimated, duration_s=duration_s)
        return Amount(cost.usd, cost.grade)

    def whole(  # noqa: PLR0913  as above
        self,
        key: PriceKey,
        usage: Usage,
        *,
        at: datetime,
        reported_usd: Decimal | None = None,
        estimated: bool = False,
        duration_ns: int | None = None,
    ) -> WholeCost:
        """As `cost`, every figure of it, as whole numbers and without the reason: for who prices many calls."""
        reported = reported_usd if reported_usd is not None and is_credible(reported_usd) else None
        if reported is not None and not self.listing.may_go_before_reported:
            return whole_reported(reported, usage)
        rates = self.rates(key, at)
        if reported is not None and not rates.over_reported:
            return whole_reported(reported, usage)
        cost = whole_bill(rates, usage, duration_ns)
        if cost.picos is None:
            return cost if reported is None else whole_reported(reported, usage)
        return cost._replace(grade="estimated") if estimated else cost

    def rates(self, key: PriceKey, at: datetime) -> Rates:
        """What each bucket costs at a time (naive means UTC); without prices, and with the reason, if not known."""
        moment = at if at.tzinfo is None or at.tzinfo is UTC else at.astimezone(UTC)
        return self._schedule(key, moment.date()).at(moment)

    def changes(self, key: PriceKey, day: date) -> list[datetime]:
        """When on a UTC day the prices of a key begin to hold: midnight, and each time they change."""
        return [datetime.combine(day, start, UTC) for start, _ in self._schedule(key, day).rates]

    def _schedule(self, key: PriceKey, day: date) -> Schedule:
        found = self._schedules.get((key, day))
        return self._learned(key, day) if found is None else found

    def _learned(self, key: PriceKey, day: date) -> Schedule:
        if key.tenant and not self.listing.names_tenant(key.tenant):
            return self._schedule(PriceKey(*key[:-1]), day)  # tenants without prices of their own share one
        if len(self._schedules) >= _MAX_CACHED:
            self._schedules.clear()
        with localcontext(MONEY):
            found = self._schedules[key, day] = self.listing.schedule(key, day)
        return found


def _reason(key: PriceKey, components: tuple[Component, ...]) -> str:
    unknown = ", ".join(component.label for component in components if component.usd is None)
    return f"no price for {unknown} of model {key.model!r}" if unknown else "no usage was reported"


def _reported(usd: Decimal, version: str) -> Cost:
    rounded = MONEY.quantize(usd, PLACES)
    return Cost(rounded, "reported", (Component("reported", 1, None, rounded, rounded),), version)


def _bill(rates: Rates, usage: Usage, duration_s: Decimal | None) -> tuple[tuple[Component, ...], Decimal | None, str]:
    """Runs for every call of an application: one pass over the buckets, and no look at thresholds that do not exist."""
    lines, reason = lines_of(rates, usage), rates.reason
    counts = usage.filled()
    if "compute_ms" in lines:
        counts, reason = timed(lines, counts, duration_s)
    if counts and "requests" in lines:
        counts = with_request(counts)
    components: list[Component] = []
    total: Decimal | None = _ZERO
    for label, count in counts:
        line = lines.get(label)
        if line is None:
            components.append(Component(label, count, None, None, None))
            total = None
            continue
        usd = _quantize(_multiply(line.usd_each, count), PLACES)
        components.append(Component(label, count, line.usd_per_mtok, line.usd_per_unit, usd))
        total = total if total is None else _add(total, usd)
    return tuple(components), None if reason else total, reason


def _picos(rates: Rates, usage: Usage, duration_s: Decimal | None) -> int | None:
    """A bill's total in 1e-12 US dollars; None when a price or the time is missing."""
    lines = lines_of(rates, usage)
    counts = usage.filled()
    if "compute_ms" in lines:
        counts, reason = timed(lines, counts, duration_s)
        if reason:
            return None
    if counts and "requests" in lines:
        counts = with_request(counts)
    total = 0
    for label, count in counts:
        line = lines.get(label)
        if line is None:
            return None
        if line.picos is not None:
            total += line.picos * count
        elif line.attos is not None:
            total += rounded(line.attos * count)
        else:
            return None
    return total if counts else None
