"""What models cost today and why, as the API and `spanmeter prices` answer it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from spanmeter.pricing import PriceBook, PriceKey
from spanmeter.pricing.quote import Quote, QuotedPrice, near, quotes
from spanmeter.pricing.scope import Scope
from spanmeter_collector.answers import Answer
from spanmeter_collector.money import usd_text
from spanmeter_collector.times import write_time


class StepAnswer(Answer):
    """The price when the whole input, cached tokens included, is longer than so many tokens."""

    above_input_tokens: int
    usd: str


class PriceAnswer(Answer):
    """One price, the buckets that pay it and where it comes from; `per` is `million tokens` or `unit`."""

    buckets: list[str]
    per: str
    usd: str
    steps: list[StepAnswer]
    source: str


class TierAnswer(Answer):
    """The prices of a service tier that differ from the standard ones."""

    service_tier: str
    prices: list[PriceAnswer]


class RegionAnswer(Answer):
    """What token prices are multiplied by where the region, a shell pattern, is such."""

    region: str
    factor: str
    source: str


class QuoteAnswer(Answer):
    """What one provider's model costs; `listed_as` is its name in the price list, `alias` the line that led there.

    `over_reported` says that these prices go before the cost that the provider reports.
    """

    provider: str
    listed_as: str
    alias: str
    over_reported: bool
    prices: list[PriceAnswer]
    tiers: list[TierAnswer]
    regions: list[RegionAnswer]
    reason: str


class EntryAnswer(Answer):
    """An entry of the user's price file."""

    line: int
    kind: str
    provider: str
    models: list[str]
    applies: str
    says: str


class UnpricedAnswer(Answer):
    """A model whose calls in the ledger have no price."""

    provider: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int


class PricesAnswer(Answer):
    """What a model costs at a time: at each provider that has it, or, without a model, what prices there are.

    `near` are names like that of a model that nobody lists. `price_version` names price list, overlay and the user's
    file; the newest change of a price that the list knows of is of `list_knows_until`.
    """

    model: str
    at: str
    price_version: str
    list_knows_until: str
    quotes: list[QuoteAnswer]
    near: list[str]
    entries: list[EntryAnswer]
    unpriced: list[UnpricedAnswer]


def answer_prices(
    book: PriceBook, key: PriceKey, at: datetime, *, unpriced: Iterable[UnpricedAnswer] = ()
) -> PricesAnswer:
    """The prices of a key's model at a time; of all providers that have it where the key names none."""
    found = quotes(book.listing, key, at) if key.model else []
    known = any(quote.prices for quote in found)
    return PricesAnswer(
        model=key.model,
        at=write_time(at),
        price_version=book.version,
        list_knows_until=book.listing.newest_change(at.date()).isoformat(),
        quotes=[_quote(quote) for quote in found],
        near=near(book.listing, key) if key.model and not known else [],
        entries=[] if key.model else list(_entries(book)),
        unpriced=list(unpriced),
    )


def _quote(quote: Quote) -> QuoteAnswer:
    return QuoteAnswer(
        provider=quote.provider or quote.key.provider,
        listed_as=quote.name,
        alias=quote.alias,
        over_reported=quote.over_reported,
        prices=[_price(price) for price in quote.prices],
        tiers=[TierAnswer(service_tier=tier, prices=[_price(each) for each in prices]) for tier, prices in quote.tiers],
        regions=[
            RegionAnswer(region=region, factor=_plain(factor), source=source)
            for region, factor, source in quote.regions
        ],
        reason=quote.reason,
    )


def _price(price: QuotedPrice) -> PriceAnswer:
    return PriceAnswer(
        buckets=list(price.buckets),
        per="million tokens" if price.per_mtok else "unit",
        usd=_plain(price.usd),
        steps=[StepAnswer(above_input_tokens=threshold, usd=_plain(usd)) for threshold, usd in price.steps],
        source=price.source,
    )


def _entries(book: PriceBook) -> Iterable[EntryAnswer]:
    terms = book.listing.terms
    for price in terms.prices:
        says = ", ".join(f"{key} {_plain(rate.base)}" for key, rate in price.prices.items())
        yield _entry(price.line, "price", price.scope, says, over_reported=price.over_reported)
    for discount in terms.discounts:
        says = f"times {_plain(discount.factor)}" + (f" on {', '.join(discount.buckets)}" if discount.buckets else "")
        yield _entry(discount.line, "discount", discount.scope, says, over_reported=discount.over_reported)
    for alias in terms.aliases:
        yield _entry(alias.line, "alias", alias.scope, f"is {alias.provider or alias.scope.provider} {alias.model}")


def _entry(line: int, kind: str, scope: Scope, says: str, *, over_reported: bool = False) -> EntryAnswer:
    terms = {"tenant": scope.tenant, "service tier": scope.service_tier, "region": scope.region}
    applies = [f"{name} {value}" for name, value in terms.items() if value] + ([str(scope)] if str(scope) else [])
    return EntryAnswer(
        line=line,
        kind=kind,
        provider=scope.provider,
        models=list(scope.models),
        applies=", ".join([*applies, *(["before reported costs"] if over_reported else [])]),
        says=says,
    )


def _plain(amount: Decimal) -> str:
    return usd_text(amount) or "0"
