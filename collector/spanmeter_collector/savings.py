"""What would have been saved: proposals over the calls of a period, each dollar counted once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise, starmap
from string import Template
from typing import Any, Final, cast

from spanmeter import semconv
from spanmeter.pricing import PriceBook, PriceKey
from spanmeter_collector.clauses import Clauses, filtered
from spanmeter_collector.money import usd_text
from spanmeter_collector.proposals import GENERATIONS, PROPOSALS, Prices
from spanmeter_collector.rollup import BILLED, LEDGER, chosen, rolled_up, second_of, stored
from spanmeter_collector.saving_account import Account
from spanmeter_collector.saving_group import Epochs, Group
from spanmeter_collector.saving_terms import Terms
from spanmeter_collector.savings_answer import SavingsAnswer
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
_FEW_CALLS: Final = 50_000
"""So many take so little that nothing of it is worth keeping."""
_AROUND: Final = timedelta(hours=1)
"""How far beside a piece of a period lies what tells of its calls."""
_KEPT_ROWS: Final = len(PROPOSALS)
_NONE_SUPPLIED: Final = "SELECT toUInt64(0) AS id, toUInt64(0) AS surplus_bytes WHERE false"
"""In place of the question how many documents calls were given too many, which takes long and is rarely asked."""
_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Question:
    """A question about savings: where, by which prices and on which terms, and the models that were asked."""

    store: Store
    book: PriceBook
    selection: Selection
    terms: Terms
    now: datetime
    models: Sequence[Mapping[str, Any]]

    def account(self) -> Account:
        """What the proposals come to over the whole period."""
        account, asked = Account(), self.selection.period
        first, last = (_midnight(pick(pick(row["days"]) for row in self.models)) for pick in (min, max))
        period = Period(max(asked.since, first), min(asked.until, last + _DAY))
        pieces = list(_pieces(period, self.terms, calls=sum(row["calls"] for row in self.models)))
        counted = _counted(self.store, period) if len(pieces) > 1 else {}
        prices = Prices(self.book, Epochs(_changes(self.book, self.models, self.terms)), self.terms)
        for piece in pieces:
            account.add(self._piece(piece, prices, counted))
        return account

    def _piece(self, piece: Period, prices: Prices, counted: Mapping[int, int]) -> Account:
        """What they come to over a piece of the period: as it was found before, while no row came to what it reads."""
        around = Period(piece.since - _AROUND, piece.until + _AROUND)
        since_s, until_s = around.since_us // 1_000_000 - 3600, around.until_us / 1_000_000
        rows = sum(count for hour, count in counted.items() if since_s < hour < until_s)
        name = ("savings", piece, self.terms, tuple(self.selection.filters.items()))
        found, book, account = self.store.lately.find(name) or (None, None, Account())
        if found == rows and book is self.book:
            return cast("Account", account)
        account = Account()
        for group in self._groups(piece, prices):
            account.count(group, prices)
        if counted and around.until <= self.now:
            self.store.lately.keep(name, (rows, self.book, account), _KEPT_ROWS)
        return account

    def _groups(self, piece: Period, prices: Prices) -> Iterator[Group]:
        named, bound = self.terms.fragments()
        supplied = read_sql("savings_supplied") if self.terms.top_k else _NONE_SUPPLIED
        charges, spans = filtered(self.selection, SAVINGS), filtered(self.selection, SPANS)
        # The same values are bound for both tables; only what the keys of tags begin with differs.
        tags = {f"span_{name}": key for name, key in spans.parameters.items() if name.startswith("filter_key_")}
        span_filters = spans.fragments["filters"].replace("{filter_key_", "{span_filter_key_")
        times = {"since": piece.since_us, "until": piece.until_us, "now": Period(piece.since, self.now).until_us}
        rows = self.store.query(
            "savings",
            {**charges.parameters, **tags, **bound, **_parameters(self.book, self.models, prices), **times},
            {
                **charges.fragments,
                **named,
                "span_filters": span_filters,
                "cache_writes": cache_writes(charges),
                "supplied": supplied,
            },
        )
        return map(Group.of, rows)


def answer_savings(store: Store, book: PriceBook, selection: Selection, *, now: datetime) -> SavingsAnswer:
    """What proposals would have saved of the calls of a selection, by the prices of `book` at the time of each call.

    Raises:
        QuestionError: An option is not allowed.
    """
    terms = Terms.of(selection)
    models = _models(store, book, selection)
    account = _Question(store, book, selection, terms, now, models).account() if models else Account()
    return SavingsAnswer(
        proposals=account.answers(terms),
        calls=sum(row["calls"] for row in models),
        unpriced_calls=sum(row["unpriced_calls"] for row in models),
        compared_calls=account.hashed_calls,
        spend_usd=usd_text(sum((row["usd"] or _ZERO for row in models), _ZERO)) or "0",
        saved_usd=usd_text(account.saved) or "0",
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
    )


def _models(store: Store, book: PriceBook, selection: Selection) -> list[dict[str, Any]]:
    """Which models were asked, how often and for what money, and by whose tenants where any has prices of its own."""
    by_tenant = book.listing.has_tenants
    names = ["provider", "model", "grade", *(["tenant"] if by_tenant else []), *selection.filters]
    rollup = chosen(LEDGER, names, selection.period)
    source = (
        stored("charges", selection.period, columns=f"*, {BILLED}")
        if rollup is None
        else rolled_up(rollup, selection.period, names, ("time", *rollup.dimensions, "billed", "usd"))
    )
    clauses = filtered(selection, SAVINGS)
    tenants = "groupUniqArray(1000)(charges.tenant)" if by_tenant else "emptyArrayString()"
    fragments = {**clauses.fragments, **source.fragments, "tenants": tenants}
    return store.query("savings_models", {**clauses.parameters, **source.parameters}, fragments)


def _counted(store: Store, period: Period) -> dict[int, int]:
    """How many spans and entries of the ledger stand in each hour around a period: only ever more come."""
    hour_us = 3_600_000_000
    asked = {"since": second_of(period.since_us - 2 * hour_us), "until": second_of(period.until_us + hour_us)}
    return {row["hour"]: row["entries"] for row in store.query("savings_counted", asked)}


def cache_writes(charges: Clauses) -> str:
    """The question about writes into the provider's cache, as a part of others, for calls that the filters select."""
    return Template(read_sql("cache_writes")).substitute(charges.fragments)


def _parameters(book: PriceBook, models: Sequence[Mapping[str, Any]], prices: Prices) -> dict[str, object]:
    terms, epochs = prices.terms, prices.epochs
    tenants = {tenant for row in models for tenant in row["tenants"]}
    named = {name: sorted({row[name] for row in models}) for name in ("provider", "model")}
    return {
        "providers": named["provider"],
        "models": named["model"],
        "ttl_ms": terms.ttl_ms,
        "top_k": terms.top_k,
        "input_limit": terms.input_limit,
        "operations": sorted(semconv.CALL_OPERATIONS),
        "generations": GENERATIONS,
        "parse_errors": list(PARSE_ERRORS),
        "price_changes": [round(start.timestamp() * 1000) for start in epochs.starts],
        "priced_tenants": ["", *sorted(filter(book.listing.names_tenant, tenants))],
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
    """When prices of the models, or of those they are swapped for, begin to hold; calls may end a day later."""
    days: set[date] = {day + later for row in models for day in row["days"] for later in (timedelta(0), _DAY)}
    return sorted({start for key in _keys(models, terms) for day in days for start in book.changes(key, day)})


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC)


def _keys(models: Sequence[Mapping[str, Any]], terms: Terms) -> set[PriceKey]:
    asked = {PriceKey(row["provider"], row["model"]) for row in models}
    others = {PriceKey(swap.provider or key.provider, swap.other) for swap in terms.swaps for key in asked}
    return asked | others


def _pieces(period: Period, terms: Terms, *, calls: int) -> Iterator[Period]:
    """The period in pieces of some calls each, cut where a cache is emptied, so that nothing is missed.

    Whatever the ends of the period, most pieces are those of the question before.
    """
    emptied = timedelta(milliseconds=terms.ttl_ms)
    first, last = (_EPOCH + (end - _EPOCH) // emptied * emptied for end in (period.since + emptied, period.until))
    length = max(1, (period.until - period.since) // max(1, -(-calls // _CALLS_AT_ONCE)) // emptied) * emptied
    start = _EPOCH + (period.since - _EPOCH) // length * length
    between = (start + number * length for number in range(1, (period.until - start) // length + 1))
    cuts = {first, last, *between} if calls > _FEW_CALLS else set()
    inside = (cut for cut in cuts if period.since < cut < period.until)
    yield from starmap(Period, pairwise([period.since, *sorted(inside), period.until]))
