"""`spanmeter prices`: what a model costs today and why, or what prices there are."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Final

from pydantic import ValidationError

from spanmeter.pricing import PriceBook, PriceFileError, PriceKey
from spanmeter.pricing.book import PRICES_VARIABLE
from spanmeter_collector import sidecar
from spanmeter_collector.console import complain, say
from spanmeter_collector.prices_answer import PriceAnswer, PricesAnswer, QuoteAnswer, UnpricedAnswer, answer_prices
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.table import Column, harmless, render
from spanmeter_collector.times import read_time
from spanmeter_collector.wording import number

_TIMEOUT_S: Final = 5.0
_OLD_DAYS: Final = 45
_ADVICE: Final = (
    f"Give it a price or an alias in the file that {PRICES_VARIABLE} names; deploy/prices.example.toml says how."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, on which terms, when; which sidecar to ask for models without a price."""
    parser.add_argument("model", nargs="?", default="", help="the model's name as the response gives it")
    parser.add_argument("--provider", default="", help="its provider; every one that has the model unless given")
    parser.add_argument("--tenant", default="", help="the tenant, for whom the price file may have other prices")
    parser.add_argument("--tier", default="", help="the service tier: batch, flex, priority, fast")
    parser.add_argument("--region", default="", help="the region or data residency, such as us")
    parser.add_argument(
        "--at", default="", metavar="TIME", help="when: RFC 3339 or a length before now; now unless given"
    )
    parser.add_argument("--prices", metavar="FILE", help="the price file; SPANMETER_PRICES unless given")
    parser.epilog = "Exit status: 0 well, 1 the model has no price, 2 the price file or the question is wrong."
    sidecar.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the prices; 1 when the model has none, 2 when the price file or the time is wrong."""
    now = datetime.now(UTC)
    try:
        book = PriceBook.load(prices=arguments.prices)
        at = read_time(arguments.at, name="--at", now=now) if arguments.at else now
    except (PriceFileError, QuestionError) as error:
        complain(f"spanmeter prices: {error}")
        return 2
    key = PriceKey(
        arguments.provider, arguments.model, "", arguments.tier.lower(), arguments.region.lower(), arguments.tenant
    )
    answer = answer_prices(book, key, at)
    if not key.model:
        has_file = bool(arguments.prices or os.environ.get(PRICES_VARIABLE))
        answer = _with_sidecar(answer, arguments.url, has_file=has_file)
    priced = not key.model or any(quote.prices for quote in answer.quotes)
    text = _model(answer, key) if key.model else _overview(answer, at.date())
    if arguments.json or priced:
        say(answer.model_dump_json(indent=2) if arguments.json else text)
    else:
        complain(text)
    return 0 if priced else 1


def _with_sidecar(answer: PricesAnswer, url: str, *, has_file: bool) -> PricesAnswer:
    """The same with the models that a sidecar's ledger has no price for; without a file, the prices of that sidecar."""
    try:
        theirs = PricesAnswer.model_validate(sidecar.ask(url, "/api/v1/prices", timeout_s=_TIMEOUT_S))
    except sidecar.RefusedError:
        raise
    except sidecar.SidecarError as error:
        complain(f"Unpriced models are not listed: {error}")
        return answer
    except ValidationError:
        complain(f"Unpriced models are not listed: the sidecar at {harmless(url)} is of another version")
        return answer
    if not has_file:
        return theirs
    if theirs.price_version != answer.price_version:
        complain(
            f"The sidecar at {harmless(url)} prices by {harmless(theirs.price_version)}. Where both were given "
            f"the same {PRICES_VARIABLE}, spanmeter reprice brings it and its ledger to these prices."
        )
    return answer.model_copy(update={"unpriced": theirs.unpriced})


def _model(answer: PricesAnswer, key: PriceKey) -> str:
    quotes = [quote for quote in answer.quotes if quote.prices]
    if not quotes:
        reasons = [quote.reason for quote in answer.quotes if quote.reason] or [f"no price for model {key.model!r}"]
        like = [f"Names like it: {', '.join(answer.near)}"] if answer.near else []
        return "\n".join([harmless(reasons[0]), *like, _ADVICE])
    return "\n\n".join("\n".join(_quote(quote, answer, key)) for quote in quotes)


def _quote(quote: QuoteAnswer, answer: PricesAnswer, key: PriceKey) -> Iterator[str]:
    terms = {"tenant": key.tenant, "tier": key.service_tier, "region": key.region}
    asked = "".join(f", {name} {value}" for name, value in terms.items() if value)
    yield harmless(f"{quote.provider} {answer.model}{asked}, at {answer.at}")
    if quote.alias:
        yield f"An alias of {quote.listed_as} ({quote.alias})."
    elif quote.listed_as != answer.model.lower():
        yield f"Listed as {quote.listed_as}."
    yield render(_columns(quote.prices))
    for tier in quote.tiers:
        yield f"Tier {tier.service_tier}: {'; '.join(_short(price) for price in tier.prices)}"
    for region in quote.regions:
        yield f"Region {region.region}: token prices times {region.factor} ({region.source})"
    if quote.over_reported:
        yield "These prices go before a cost that the provider reports."
    yield f"Prices: {answer.price_version}"


def _columns(prices: Sequence[PriceAnswer]) -> list[Column]:
    rows = [row for price in prices for row in _rows(price)]
    names, amounts, sources = zip(*rows, strict=True)
    return [
        Column("", names, right=False),
        Column("price", amounts, right=False),
        Column("source", sources, right=False),
    ]


def _rows(price: PriceAnswer) -> Iterator[tuple[str, str, str]]:
    per = "a million" if price.per == "million tokens" else "each"
    yield _bucket(price), f"${price.usd} {per}", price.source
    for step in price.steps:
        yield "", f"${step.usd} {per} above {number(step.above_input_tokens)} input tokens", ""


def _short(price: PriceAnswer) -> str:
    steps = "".join(f", above {number(step.above_input_tokens)} ${step.usd}" for step in price.steps)
    return f"{_bucket(price)} ${price.usd}{steps}"


def _bucket(price: PriceAnswer) -> str:
    """The bucket that the price is first of all for; the others are variants of it, and in the JSON."""
    return price.buckets[0]


def _overview(answer: PricesAnswer, today: date) -> str:
    parts = [f"Prices: {answer.price_version}", _age(answer, today), *_own(answer), *_unpriced(answer.unpriced)]
    return "\n".join(parts)


def _age(answer: PricesAnswer, today: date) -> str:
    days = (today - date.fromisoformat(answer.list_knows_until)).days
    advice = "; a newer one may be there: pip install --upgrade genai-prices" if days > _OLD_DAYS else ""
    return f"The list's newest price change is of {answer.list_knows_until}, {days} days ago{advice}."


def _own(answer: PricesAnswer) -> Iterator[str]:
    if not answer.entries:
        yield "\nThere are no prices of your own; deploy/prices.example.toml describes the file for them."
        return
    entries = sorted(answer.entries, key=lambda entry: entry.line)
    yield "\n" + render(
        [
            Column("line", [str(entry.line) for entry in entries]),
            Column("entry", [entry.kind for entry in entries], right=False),
            Column("provider", [entry.provider for entry in entries], right=False),
            Column("models", [" ".join(entry.models) for entry in entries], right=False),
            Column("says", [entry.says for entry in entries], right=False),
            Column("applies", [entry.applies or "always" for entry in entries], right=False),
        ]
    )


def _unpriced(models: Iterable[UnpricedAnswer]) -> Iterator[str]:
    models = list(models)
    if models:
        yield "\nWithout a price in the ledger, of the last 30 days:\n"
        yield render(
            [
                Column("provider", [each.provider or "-" for each in models], right=False),
                Column("model", [each.model or "-" for each in models], right=False),
                Column("calls", [number(each.calls) for each in models]),
                Column("input", [number(each.input_tokens) for each in models]),
                Column("output", [number(each.output_tokens) for each in models]),
            ]
        )
