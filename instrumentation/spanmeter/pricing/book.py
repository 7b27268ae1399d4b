"""The price book: what a call cost, from list prices, offline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Final

from spanmeter.pricing.cost import Amount, Component, Cost
from spanmeter.pricing.key import PriceKey
from spanmeter.pricing.money import MONEY, PLACES
from spanmeter.pricing.rates import Line, Rates, Schedule
from spanmeter.pricing.usage import Usage

if TYPE_CHECKING:
    from spanmeter.pricing.listing import Listing

_ZERO: Final = Decimal("0E-12")
_add, _multiply, _quantize = MONEY.add, MONEY.multiply, MONEY.quantize
_MILLISECONDS: Final = Decimal(1000)
_LARGEST: Final = Decimal(10**12)
_MAX_CACHED: Final = 4096


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
        duration_s: Decimal | None = None,
    ) -> Cost:
        """What a call answered at `at` (naive means UTC) cost.

        What the provider itself reported wins over list prices, unless it is negative or absurd. `estimated` says
        that the usage is an estimate. `duration_s` is how long the call took: models of one's own may be paid by time.
        Nothing is raised for an unknown model or bucket, or for an empty usage: the cost is `unpriced` and says why.
        """
        if reported_usd is not None and _credible(reported_usd):
            return _reported(reported_usd, self.version)
        moment = at if at.tzinfo is None or at.tzinfo is UTC else at.astimezone(UTC)
        schedule = self._schedule(key, moment.date())
        rates = schedule.at(moment) if schedule.rates else None
        if duration_s is None and rates is not None and "compute_ms" in rates.lines:
            return Cost(None, "unpriced", (), self.version, f"model {key.model!r} is paid by time, and none was told")
        components, total = _bill(rates, usage, duration_s)
        if total is None or not components:
            return Cost(None, "unpriced", components, self.version, schedule.reason or _reason(key, components))
        return Cost(total, "estimated" if estimated else "computed", components, self.version)

    def amount(
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
            schedule = self._schedule(key, at.date())
            picos = _picos(schedule.at(at), usage) if schedule.rates else None
            if picos is not None:
                return Amount(Decimal(picos).scaleb(-12, MONEY), "estimated" if estimated else "computed")
        cost = self.cost(key, usage, at=at, reported_usd=reported_usd, estimated=estimated, duration_s=duration_s)
        return Amount(cost.usd, cost.grade)

    def _schedule(self, key: PriceKey, day: date) -> Schedule:
        found = self._schedules.get((key, day))
        if found is None:
            if len(self._schedules) >= _MAX_CACHED:
                self._schedules.clear()
            with localcontext(MONEY):
                found = self._schedules[key, day] = self._listing.schedule(key, day)
        return found


def _reason(key: PriceKey, components: tuple[Component, ...]) -> str:
    unknown = ", ".join(component.label for component in components if component.usd is None)
    return f"no price for {unknown} of model {key.model!r}" if unknown else "no usage was reported"


def _credible(usd: Decimal) -> bool:
    return usd.is_finite() and 0 <= usd < _LARGEST


def _reported(usd: Decimal, version: str) -> Cost:
    rounded = MONEY.quantize(usd, PLACES)
    return Cost(rounded, "reported", (Component("reported", 1, None, rounded, rounded),), version)


def _bill(
    rates: Rates | None, usage: Usage, duration_s: Decimal | None
) -> tuple[tuple[Component, ...], Decimal | None]:
    """Runs for every call of an application: one pass over the buckets, and no look at thresholds that do not exist."""
    lines = _lines(rates, usage)
    counts = usage.filled()
    if "compute_ms" in lines:
        counts = _timed(lines, counts, duration_s)
    if counts and "requests" in lines:
        counts.append(("requests", 1))
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
    return tuple(components), total


def _timed(
    lines: Mapping[str, Line], counts: list[tuple[str, int]], duration_s: Decimal | None
) -> list[tuple[str, int]]:
    """What is billed of a model that is paid by time: the time, and what has a price of its own beside it."""
    known = [counted for counted in counts if counted[0] in lines]
    return [*known, ("compute_ms", int(_multiply(duration_s or _ZERO, _MILLISECONDS)))]


def _picos(rates: Rates, usage: Usage) -> int | None:
    """A bill's total in 1e-12 US dollars; None when a price is missing or has more decimal places than an amount."""
    lines = _lines(rates, usage)
    counts = usage.filled()
    total = 0
    if "compute_ms" in lines:
        return None
    if counts and "requests" in lines:
        counts.append(("requests", 1))
    for label, count in counts:
        line = lines.get(label)
        if line is None or line.picos is None:
            return None
        total += line.picos * count
    return total if counts else None


def _lines(rates: Rates | None, usage: Usage) -> Mapping[str, Line]:
    if rates is None:
        return {}
    if not rates.steps:
        return rates.lines
    # A response that searched has read its input once per round, and each round is billed at its own length.
    return rates.lines_for(usage.input_tokens // (usage.web_searches + 1))
