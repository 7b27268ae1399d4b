"""One provider response, priced from its raw usage object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from spanmeter.pricing.book import PriceBook
from spanmeter.pricing.cost import Cost, together
from spanmeter.pricing.key import PriceKey
from spanmeter.pricing.reading import Reading, read
from spanmeter.pricing.reported import read_region, read_reported_usd, read_service_tier
from spanmeter.pricing.tools import tools_run, with_tools
from spanmeter.pricing.usage import Usage

_NO_TIME: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What is known of a response: its raw usage object, and what request and response said beside it."""

    provider: str
    model: str
    usage: Mapping[str, Any]
    at: datetime
    api: str = ""
    request_context: Mapping[str, Any] = field(default_factory=dict)
    response_extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> PriceKey:
        """What selects the price: what the response says of tier and region goes before what was asked for."""
        sources = (self.response_extra, self.usage, self.request_context)
        tier = "batch" if "batch" in self.api.lower() else read_service_tier(*sources)
        tenant = self.request_context.get("tenant")
        region = read_region(*sources)
        return PriceKey(self.provider, self.model, self.api, tier, region, tenant if isinstance(tenant, str) else "")

    @property
    def duration_s(self) -> Decimal | None:
        """How long the call took, as `duration_s` of the request's context says in seconds; None where it does not."""
        said = self.request_context.get("duration_s")
        return Decimal(str(said)) if isinstance(said, int | float | Decimal) and not isinstance(said, bool) else None

    @property
    def reading(self) -> Reading:
        """What was consumed: what the usage object tells, and tools that only stand elsewhere in the response."""
        breakdown = self.response_extra.get("usage_breakdown")
        told = {**self.usage, "usage_breakdown": breakdown} if isinstance(breakdown, Mapping) else self.usage
        reading = read(told, provider=self.provider, api=self.api)
        beside = tools_run(self.response_extra, self.request_context, model=self.model)
        return with_tools(reading, beside)


@dataclass(frozen=True, slots=True)
class Bill:
    """What a response consumed and cost; `notes` has a sentence for each thing in it that did not add up."""

    usage: Usage
    cost: Cost
    notes: tuple[str, ...]


def price(book: PriceBook, response: Response) -> Bill:
    """Read and price a response; a cost that it reports itself goes before list prices."""
    reading = response.reading
    reported = read_reported_usd(response.usage, provider=response.provider)
    key, at, duration_s = response.key, response.at, response.duration_s
    if reported is not None:
        cost = book.cost(key, reading.usage, at=at, reported_usd=reported, duration_s=duration_s)
        return Bill(reading.usage, cost, reading.notes)
    keys = [key._replace(model=part.model) if part.model else key for part in reading.parts]
    times = [duration_s, *[_NO_TIME] * (len(keys) - 1)]  # the parts took it together
    costs = [
        book.cost(own, part.usage, at=at, duration_s=time)
        for own, part, time in zip(keys, reading.parts, times, strict=True)
    ]
    return Bill(reading.usage, together(costs), reading.notes)
