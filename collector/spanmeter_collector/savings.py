"""What would have been saved: proposals over the calls of a period, each dollar counted once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from string import Template
from typing import Any, Final

from spanmeter import semconv
from spanmeter.pricing import PriceBook, PriceKey
from spanmeter.pricing.money import MONEY
from spanmeter_collector.clauses import Clauses, filtered
from spanmeter_collector.money import usd_text
from spanmeter_collector.proposals import GENERATIONS, PROPOSALS, Prices, Proposal, Touched
from spanmeter_collector.saving_group import Epochs, Example, Group, State
from spanmeter_collector.saving_terms import Terms
from spanmeter_collector.savings_answer import CallAnswer, ProposalAnswer, SavingsAnswer
from spanmeter_collector.selection import SAVINGS, SPANS, Selection
from spanmeter_collector.statement import read_sql
from spanmeter_collector.store import Store
from spanmeter_collector.times import Period, write_time

PARSE_ERRORS: Final = (
    "OutputParserException",
    "StructuredOutputError",
    "StructuredOutputValidationError",
    "ValidationError",
    "pydantic_core._pydantic_core.ValidationError",
    "langchain_core.exceptions.OutputParserException",
    "JSONDecodeError",
    "json.decoder.JSONDecodeError",
)
"""How the errors are called that parsers of answers raise, by `error.type`."""
_CALLS_AT_ONCE: Final = 300_000
_EXAMPLES: Final = 5
_ZERO: Final = Decimal(0)


@dataclass(slots=True)
class _Sums:
    """What one proposal comes to so far."""

    calls: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    alone: Decimal = _ZERO
    saved: Decimal = _ZERO
    examples: list[tuple[Decimal, Example]] = field(default_factory=list)

    def answer(self, proposal: Proposal, terms: Terms) -> ProposalAnswer:
        is_known = not self.calls or self.unpriced_calls < self.calls
        return ProposalAnswer(
            name=proposal.name,
            assumption=proposal.assumption(terms),
            calls=self.calls,
            unpriced_calls=self.unpriced_calls,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            alone_usd=usd_text(self.alone) if is_known else None,
            saved_usd=usd_text(self.saved) if is_known else None,
            examples=[
                CallAnswer(trace_id=trace.hex(), span_id=span.hex(), usd=usd_text(usd))
                for _, (_, trace, span, usd) in self.examples
            ],
        )

    def count(self, touched: Touched, before: State, after: State | None) -> None:
        """Add the calls that a proposal touches, what it alone makes of them, and those that save most by it."""
        self.calls += touched.calls
        self.unpriced_calls += touched.calls if after is None else 0
        self.input_tokens += touched.input_tokens
        self.output_tokens += touched.output_tokens
        saved = _saved(before, after)
        self.alone = MONEY.add(self.alone, saved)
        each = saved / touched.whole if touched.whole else _ZERO
        found = [(each * example[0], example) for example in touched.examples]
        self.examples = sorted([*self.examples, *found], key=_most_saved)[:_EXAMPLES]


@dataclass(slots=True)
class _Account:
    """What each proposal would have saved of what calls cost."""

    prices: Prices
    sums: dict[str, _Sums] = field(default_factory=lambda: {proposal.name: _Sums() for proposal in PROPOSALS})
    hashed_calls: int = 0

    def add(self, group: Group) -> None:
        """Ask every proposal what it would have made of a group: of the whole of it, and of what those before left."""
        self.hashed_calls += group.hashed_calls
        touching = [(each, touched) for each in PROPOSALS if (touched := each.touches(group)).calls]
        if not touching:
            return
        first = left = State.of(group, self.prices.lines(group.key, group))
        for proposal, touched in touching:
            sums = self.sums[proposal.name]
            sums.count(touched, first, proposal.change(first, group, self.prices))
            after = proposal.change(left, group, self.prices)
            sums.saved = MONEY.add(sums.saved, _saved(left, after))
            left = left if after is None else after


def answer_savings(store: Store, book: PriceBook, selection: Selection, *, now: datetime) -> SavingsAnswer:
    """What proposals would have saved of the calls of a selection, by the prices of `book` at the time of each call.

    Raises:
        QuestionError: An option is not allowed.
    """
    terms = Terms.of(selection)
    clauses = filtered(selection, SAVINGS)
    models = store.query("savings_models", clauses.parameters, clauses.fragments)
    epochs = Epochs(_changes(book, models, terms))
    account = _Account(Prices(book, epochs, terms))
    if models:
        asked = {**_parameters(book, models, terms, epochs), "now": Period(selection.period.since, now).until_us}
        for since, until in _slices(selection, terms, calls=sum(row["calls"] for row in models)):
            for group in _groups(store, selection, terms, {**asked, "since": since, "until": until}):
                account.add(group)
    return SavingsAnswer(
        proposals=[account.sums[proposal.name].answer(proposal, terms) for proposal in PROPOSALS],
        calls=sum(row["calls"] for row in models),
        unpriced_calls=sum(row["unpriced_calls"] for row in models),
        compared_calls=account.hashed_calls,
        spend_usd=usd_text(sum((row["usd"] or _ZERO for row in models), _ZERO)) or "0",
        saved_usd=usd_text(sum((sums.saved for sums in account.sums.values()), _ZERO)) or "0",
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
    )


def _groups(store: Store, selection: Selection, terms: Terms, asked: Mapping[str, object]) -> Iterator[Group]:
    named, bound = terms.fragments()
    charges, spans = filtered(selection, SAVINGS), filtered(selection, SPANS)
    # The same values are bound for both tables; only what the keys of tags begin with differs.
    tags = {f"span_{name}": key for name, key in spans.parameters.items() if name.startswith("filter_key_")}
    span_filters = spans.fragments["filters"].replace("{filter_key_", "{span_filter_key_")
    rows = store.query(
        "savings",
        {**charges.parameters, **tags, **bound, **asked},
        {**charges.fragments, "span_filters": span_filters, "cache_writes": cache_writes(charges), **named},
    )
    return map(Group.of, rows)


def cache_writes(charges: Clauses) -> str:
    """The question about writes into the provider's cache, as a part of others, for calls that the filters select."""
    return Template(read_sql("cache_writes")).substitute(charges.fragments)


def _parameters(
    book: PriceBook, models: Sequence[Mapping[str, Any]], terms: Terms, epochs: Epochs
) -> dict[str, object]:
    tenants = {tenant for row in models for tenant in row["tenants"]}
    return {
        "ttl_ms": terms.ttl_ms,
        "top_k": terms.top_k,
        "input_limit": terms.input_limit,
        "operations": sorted(semconv.CALL_OPERATIONS),
        "generations": GENERATIONS,
        "parse_errors": list(PARSE_ERRORS),
        "price_changes": [round(start.timestamp() * 1000) for start in epochs.starts],
        "priced_tenants": sorted(tenant for tenant in tenants if tenant and book.listing.names_tenant(tenant)),
        "thresholds": sorted(
            {
                threshold
                for key in _keys(models, terms)
                for start in epochs.starts
                for threshold, _ in book.rates(key, start).steps
            }
        ),
    }


def _changes(book: PriceBook, models: Sequence[Mapping[str, Any]], terms: Terms) -> list[datetime]:
    """When the prices of any of the models, or of those they are swapped for, begin to hold."""
    days: set[date] = {day for row in models for day in row["days"]}
    return sorted({start for key in _keys(models, terms) for day in days for start in book.changes(key, day)})


def _keys(models: Sequence[Mapping[str, Any]], terms: Terms) -> set[PriceKey]:
    asked = {PriceKey(row["provider"], row["model"]) for row in models}
    others = {PriceKey(swap.provider or key.provider, swap.other) for swap in terms.swaps for key in asked}
    return asked | others


def _slices(selection: Selection, terms: Terms, *, calls: int) -> Iterator[tuple[int, int]]:
    """The period in pieces of some calls each, in microseconds: cut where a cache is emptied, nothing is missed."""
    since, until = selection.period.since_us, selection.period.until_us
    ttl_us = terms.ttl_ms * 1000
    pieces = -(-calls // _CALLS_AT_ONCE)
    length = max(1, (until - since) // max(1, pieces) // ttl_us) * ttl_us
    if pieces <= 1:
        yield since, until
        return
    start = since
    while start < until:
        end = min(until, (start // length + 1) * length)
        yield start, end
        start = end


def _saved(before: State, after: State | None) -> Decimal:
    if after is None or before.usd is None or after.usd is None:
        return _ZERO
    return MONEY.subtract(before.usd, after.usd)


def _most_saved(found: tuple[Decimal, Example]) -> tuple[Decimal, bytes]:
    owed, (_, _, span_id, _) = found
    return owed, span_id
