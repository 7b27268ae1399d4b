"""Entries of a price file that give one thing two prices at one time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from spanmeter.pricing.rates import TOKEN_PRICES, UNIT_PRICES
from spanmeter.pricing.scope import Scope
from spanmeter.pricing.terms import Terms

_BUCKETS = {key: bucket for bucket, key in TOKEN_PRICES.items()} | {
    key: bucket for bucket, (key, _) in UNIT_PRICES.items()
}


class _Statement(NamedTuple):
    what: str
    value: object
    scope: Scope
    line: int


def contradictions(terms: Terms) -> Iterator[tuple[int, str]]:
    """The line of the later of two entries, and a sentence, for each pair that is about the same and differs.

    Two patterns that only overlap do not contradict each other: the narrower one counts.
    """
    about: dict[tuple[str, ...], list[_Statement]] = defaultdict(list)
    for statement in _statements(terms):
        scope = statement.scope
        for model in scope.models:
            about[statement.what, scope.provider, model, scope.tenant, scope.service_tier, scope.region].append(
                statement
            )
    for (what, provider, model, *_), statements in about.items():
        for earlier, later in combinations(statements, 2):
            if (
                earlier.value != later.value
                and earlier.scope.start < later.scope.end
                and later.scope.start < earlier.scope.end
            ):
                sentence = f"{what} of {provider} {model} differs from line {earlier.line}, for a time that both name"
                yield later.line, f"key {'start'!r}: {sentence}; allowed: times that do not overlap"


def _statements(terms: Terms) -> Iterator[_Statement]:
    for price in terms.prices:
        for key, rate in price.prices.items():
            yield _Statement(f"the price of {_BUCKETS.get(key, 'time')}", rate, price.scope, price.line)
    for discount in terms.discounts:
        for what in [f"the discount on {bucket}" for bucket in discount.buckets] or ["the discount"]:
            yield _Statement(what, discount.factor, discount.scope, discount.line)
    for alias in terms.aliases:
        yield _Statement("the alias", (alias.provider, alias.model), alias.scope, alias.line)
