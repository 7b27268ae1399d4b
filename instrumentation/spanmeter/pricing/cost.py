"""What one call cost, with the arithmetic and how it is known."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Grade = Literal["reported", "computed", "estimated", "unpriced"]


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
