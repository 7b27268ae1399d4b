"""The rates of one model at one time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Rate:
    """US dollars per million tokens, or per unit for searches and requests.

    `steps` are (threshold, price), ascending: a request whose whole input exceeds a threshold pays that price
    for every token, which is how providers bill long context.
    """

    base: Decimal
    steps: tuple[tuple[int, Decimal], ...] = ()

    def price(self, input_tokens: int) -> Decimal:
        """The price for a request with `input_tokens` of input, cached ones included."""
        price = self.base
        for threshold, stepped in self.steps:
            if input_tokens > threshold:
                price = stepped
        return price

    def times(self, factor: Decimal) -> Rate:
        """The same rate with every price multiplied."""
        return Rate(self.base * factor, tuple((threshold, price * factor) for threshold, price in self.steps))


@dataclass(frozen=True, slots=True)
class Rates:
    """A rate per usage bucket; a bucket that is absent has no known price. `request` is a fee per answered request."""

    buckets: Mapping[str, Rate] = field(default_factory=dict)
    request: Rate | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rates of one UTC day as (from that time on, rates), ascending from midnight.

    Empty, with a reason, when no price is known.
    """

    rates: tuple[tuple[time, Rates], ...] = ()
    reason: str = ""

    def at(self, moment: datetime) -> Rates:
        """The rates in force at a UTC time of that day; only for a schedule that has rates."""
        in_force = self.rates[0][1]
        for start, rates in self.rates[1:]:
            if moment.time() >= start:
                in_force = rates
        return in_force
