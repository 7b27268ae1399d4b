"""One provider response, priced from its raw usage object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any, Final

from spanmeter.pricing.book import PriceBook
from spanmeter.pricing.cost import Cost, together
from spanmeter.pricing.hints import canonical, other_models
from spanmeter.pricing.key import PriceKey
from spanmeter.pricing.metadata import is_metadata, read_metadata
from spanmeter.pricing.money import MONEY
from spanmeter.pricing.reading import Reading, read
from spanmeter.pricing.reported import read_region, read_reported_usd, read_service_tier
from spanmeter.pricing.tools import tools_run, with_tools
from spanmeter.pricing.usage import Usage

_NO_TIME: Final = Decimal(0)
_COSTS: Final = ("cost", "cost_details", "cost_in_usd_ticks", "is_byok")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What is known of a response: its raw usage object, and what request and response said beside it.

    Hints of what selects the price may use other words than the provider does, such as `is_batch` or `tier`.
    """

    provider: str
    model: str
    usage: Mapping[str, Any]
    at: datetime
    api: str = ""
    request_context: Mapping[str, Any] = field(default_factory=dict)
    response_extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "request_context", canonical(self.request_context))
        object.__setattr__(self, "response_extra", canonical(self.response_extra))

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
    def reported_usd(self) -> Decimal | None:
        """What the provider says that the response cost, in its usage object or beside it."""
        beside = {**self.request_context, **self.response_extra}
        told: dict[str, Any] = {key: beside[key] for key in _COSTS if key in beside}
        return read_reported_usd({**told, **self.usage}, provider=self.provider)

    @property
    def reading(self) -> Reading:
        """What was consumed: what the usage object tells, and tools that only stand elsewhere in the response."""
        return with_tools(self._told, tools_run(self.response_extra, self.request_context, model=self.model))

    @property
    def _told(self) -> Reading:
        if is_metadata(self.usage):
            return read_metadata(self.usage, self.response_extra)
        breakdown = self.response_extra.get("usage_breakdown")
        told = {**self.usage, "usage_breakdown": breakdown} if isinstance(breakdown, Mapping) else self.usage
        return read(told, provider=self.provider, api=self.api)


@dataclass(frozen=True, slots=True)
class Bill:
    """What a response consumed and cost; `notes` has a sentence for each thing in it that did not add up."""

    usage: Usage
    cost: Cost
    notes: tuple[str, ...]


def price(book: PriceBook, response: Response) -> Bill:
    """Read and price a response; a cost that it reports itself goes before list prices."""
    reading = response.reading
    reported = response.reported_usd
    key, at, duration_s = _priced_key(book, response), response.at, response.duration_s
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


def _priced_key(book: PriceBook, response: Response) -> PriceKey:
    """The response's own key; where that model has no price, that of a model which request or response also name."""
    own = response.key
    others = other_models(response.request_context, response.response_extra)
    with localcontext(MONEY):
        for key in (own, *(own._replace(model=model) for model in others)):
            if not book.listing.rates(key, response.at).reason:
                return key
    return own
