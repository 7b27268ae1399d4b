"""What an ended call cost, at the prices its process was given."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import reduce
from typing import Final, Protocol, get_args

from spanmeter.answer import Answer, billed_apart
from spanmeter.opening import Opening
from spanmeter.pricing import Amount, Cost, Grade, PriceKey, Usage
from spanmeter.pricing.money import MONEY
from spanmeter.receipt import NO_USAGE

_GRADES: Final[tuple[Grade, ...]] = get_args(Grade)
"""The best known first."""


class Price(Protocol):
    """The signature of `PriceBook.amount` and `PriceBook.cost`."""

    def __call__(  # noqa: PLR0913  one key, one usage and what else decides about their price
        self,
        key: PriceKey,
        usage: Usage,
        *,
        at: datetime,
        reported_usd: Decimal | None = None,
        estimated: bool = False,
        duration_s: Decimal | None = None,
    ) -> Amount | Cost:
        """Price what one call used, which took `duration_s`."""


def cost_of(answer: Answer, *, opening: Opening, price: Price, tenant: str, duration_ns: int) -> Amount | Cost | None:
    """Price what was answered, None where there is nothing to price.

    What a provider bills by parts is priced by parts, unless the provider itself told the sum.
    """
    if answer.usage is None and answer.reported_usd is None:
        return None
    model = answer.model or opening.model
    region = answer.region or opening.region
    key = PriceKey(opening.provider, model, service_tier=answer.service_tier, region=region, tenant=tenant)
    duration_s = Decimal(duration_ns).scaleb(-9, MONEY)
    now = datetime.now(UTC)
    cost = price(
        key,
        answer.usage or NO_USAGE,
        at=now,
        reported_usd=answer.reported_usd,
        estimated=answer.estimated,
        duration_s=duration_s,
    )
    if cost.grade == "reported" or not answer.parts or not billed_apart(answer.parts):
        return cost
    return _together(
        [
            price(
                key._replace(model=part.model or model),
                part.usage,
                at=now,
                estimated=answer.estimated,
                duration_s=Decimal(0) if number else duration_s,
            )
            for number, part in enumerate(answer.parts)
        ]
    )


def _together(costs: list[Amount | Cost]) -> Amount:
    """The cost of the parts of one call: not known if one part's is not, and graded as the part that is known least."""
    known = [cost.usd for cost in costs if cost.usd is not None]
    total = reduce(MONEY.add, known) if len(known) == len(costs) else None
    return Amount(total, max((cost.grade for cost in costs), key=_GRADES.index))
