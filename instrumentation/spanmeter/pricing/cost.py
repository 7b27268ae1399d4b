"""What one call cost, with the arithmetic and how it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Final, Literal, NamedTuple

from spanmeter.pricing.money import MONEY

Grade = Literal["reported", "computed", "estimated", "unpriced"]
GRADES: Final[tuple[Grade, ...]] = ("reported", "computed", "estimated", "unpriced")


@dataclass(frozen=True, slots=True)
class Component:
    """One line of a bill: `count` of a bucket at a rate.

    Tokens carry `usd_per_mtok`, searches and requests `usd_per_unit`; `usd` is rounded to 12 decimal places
    and is None when the rate is not known.
    """

    label: str
    count: int
    usd_per_mtok: Decimal | None
    usd_per_unit: Decimal | None
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one call in US dollars; `usd` is exactly the sum of its components, None when any is unknown.

    `grade` says how it is known: `reported` by the provider, `computed` from reported usage and list prices,
    `estimated` from estimated usage, `unpriced` when it is not known; `reason` says why in that last case.
    """

    usd: Decimal | None
    grade: Grade
    components: tuple[Component, ...]
    price_version: str
    reason: str = ""


class Amount(NamedTuple):
    """What a call cost in US dollars and how that is known, as in `Cost`, without the arithmetic."""

    usd: Decimal | None
    grade: Grade


def together(costs: Sequence[Cost]) -> Cost:
    """The cost of the parts of one call: not known if one part is not, and graded as the part that is known least."""
    components = tuple(component for cost in costs for component in cost.components)
    known = [cost.usd for cost in costs if cost.usd is not None]
    return Cost(
        usd=reduce(MONEY.add, known) if len(known) == len(costs) else None,
        grade=max((cost.grade for cost in costs), key=GRADES.index),
        components=components,
        price_version=costs[0].price_version,
        reason="; ".join(dict.fromkeys(cost.reason for cost in costs if cost.reason)),
    )
