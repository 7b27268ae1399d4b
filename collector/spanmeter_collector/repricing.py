"""Repricing: the calls of a period at the prices of a book, and the entries that bring the ledger to them.

A call is corrected by taking its standing entries back and charging it anew, both in one insert, so that whoever asks
in between sees the one or the other. It is left alone while the same components cost the same, whatever the version of
the prices is called: its entries keep the version they were made with.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from hashlib import sha256
from typing import Any, Final, Self

from spanmeter.pricing import PriceBook
from spanmeter.pricing.money import MONEY
from spanmeter_collector.answers import RepriceAnswer, RepriceFigures, RepriceRow
from spanmeter_collector.batch import Batch
from spanmeter_collector.bill import charges
from spanmeter_collector.charge import Charge, billed, reversal, standing, usd_of
from spanmeter_collector.clauses import filtered
from spanmeter_collector.history import again
from spanmeter_collector.money import usd_text
from spanmeter_collector.rollup import BILLED, NAMED, Source, chosen, rolled_up, stored
from spanmeter_collector.row import SpanKey
from spanmeter_collector.selection import CHARGES, Options, Selection
from spanmeter_collector.store import Store, of_traces
from spanmeter_collector.times import Period, write_time

OPTIONS: Final = Options(CHARGES, {"since": "24h", "until": "", "dry_run": "false"})
_PAGE_CALLS: Final = 4000
_ZERO: Final = Decimal(0)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)

_Page = Mapping[SpanKey, int]


@dataclass(frozen=True, slots=True)
class _Call:
    """A call as the ledger has it, and as it would be charged now; without an entry when its span is not stored."""

    standing: Sequence[Charge]
    anew: Sequence[Charge]
    made: int
    """How many entries the ledger has of it, those taken back included."""
    changes: bool
    old_usd: Decimal | None
    new_usd: Decimal | None

    @classmethod
    def of(cls, entries: Sequence[Charge], anew: Sequence[Charge]) -> Self:
        stands = standing(entries)
        old, made = usd_of(stands), len(entries)
        if not anew or _are_alike(stands, anew):
            return cls(stands, anew, made, changes=False, old_usd=old, new_usd=old)
        return cls(stands, anew, made, changes=True, old_usd=old, new_usd=usd_of(anew))

    @property
    def calls(self) -> int:
        """How many calls it stands for; a failed one that is billed counts as well."""
        return max(1, sum(entry.calls for entry in self.standing))

    def entries(self, *, recorded_at: int) -> list[Charge]:
        """What corrects the ledger."""
        return [*(reversal(entry, recorded_at=recorded_at) for entry in self.standing), *self.anew]


@dataclass(slots=True)
class _Sums:
    """What calls cost before and after, as far as that is known."""

    calls: int = 0
    changed_calls: int = 0
    old_usd: Decimal | None = None
    new_usd: Decimal | None = None
    newly_priced: int = 0
    newly_unpriced: int = 0

    def add(self, call: _Call) -> None:
        calls, old, new = call.calls, call.old_usd, call.new_usd
        self.calls += calls
        self.changed_calls += calls if call.changes else 0
        self.newly_priced += calls if old is None and new is not None else 0
        self.newly_unpriced += calls if old is not None and new is None else 0
        self.old_usd = _plus(self.old_usd, old)
        self.new_usd = _plus(self.new_usd, new)

    def plus(self, other: _Sums) -> _Sums:
        return _Sums(
            self.calls + other.calls,
            self.changed_calls + other.changed_calls,
            _plus(self.old_usd, other.old_usd),
            _plus(self.new_usd, other.new_usd),
            self.newly_priced + other.newly_priced,
            self.newly_unpriced + other.newly_unpriced,
        )

    def figures(self) -> RepriceFigures:
        difference = MONEY.subtract(self.new_usd or _ZERO, self.old_usd or _ZERO)
        return RepriceFigures(
            calls=self.calls,
            changed_calls=self.changed_calls,
            old_usd=usd_text(self.old_usd if self.calls else _ZERO),
            new_usd=usd_text(self.new_usd if self.calls else _ZERO),
            difference_usd=usd_text(difference) or "0",
            newly_priced=self.newly_priced,
            newly_unpriced=self.newly_unpriced,
        )


class Progress:
    """How far the repricing has come that began last: the share of its period, None while there is none."""

    def __init__(self) -> None:
        self.share: float | None = None

    def through(self, pages: Iterable[_Page], period: Period) -> Iterator[_Page]:
        """The same pages, noted as they are asked for; calls come in the order of their time."""
        since, length = period.since_us, max(period.until_us - period.since_us, 1)
        self.share = 0.0
        try:
            for page in pages:
                yield page
                self.share = min((max(page.values()) // 1000 - since) / length, 1.0)
        finally:
            self.share = None


def is_dry_run(selection: Selection) -> bool:
    """Whether nothing is to be written.

    Raises:
        QuestionError: Option `dry_run` is neither true nor false.
    """
    return selection.choice("dry_run", ("true", "false")) == "true"


def reprice(store: Store, book: PriceBook, selection: Selection, *, progress: Progress | None = None) -> RepriceAnswer:
    """Compare the calls of a selection with what they cost by `book` and, unless it is a dry run, correct the ledger.

    Some thousand calls at a time: each such page is written whole or not at all, and a run that was interrupted is
    completed by the next. What stands at the very version of `book` costs what it did and is only summed up. Of the
    others those whose spans are not stored any more are left alone and counted.

    Raises:
        QuestionError: Option `dry_run` is neither true nor false.
    """
    writes = not is_dry_run(selection)
    same = "" if "component" in selection.filters else book.version  # of such calls only some entries are selected
    by_model, without_span = _at_version(store, same, selection), 0
    apart = _apart_from(store, same, selection)
    asked = _pages(store, replace(selection, period=apart), except_version=same) if apart else ()
    pages = (progress or Progress()).through(asked, apart or selection.period)
    for call in _repriced(store, book, pages, writes=writes):
        if not call.anew:
            without_span += 1
            continue
        by_model[call.standing[0].provider, call.standing[0].model].add(call)
    return RepriceAnswer(
        rows=[
            RepriceRow(provider=provider, model=model, **sums.figures().model_dump())
            for (provider, model), sums in sorted(by_model.items())
        ],
        total=reduce(_Sums.plus, by_model.values(), _Sums()).figures(),
        calls_without_span=without_span,
        price_version=book.version,
        written=writes,
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
    )


def _at_version(store: Store, version: str, selection: Selection) -> defaultdict[tuple[str, str], _Sums]:
    """The calls that stand at a version of the prices: one question instead of a look at each."""
    sums = defaultdict[tuple[str, str], _Sums](_Sums)
    if not version:
        return sums
    for row in _asked(store, "reprice_same", selection, version):
        usd = row["usd"] if row["priced"] else None
        sums[row["provider"], row["model"]] = _Sums(row["calls"], old_usd=usd, new_usd=usd)
    return sums


def _apart_from(store: Store, version: str, selection: Selection) -> Period | None:
    """The part of the period outside of which all calls stand at a version of the prices; None where they all do."""
    if not version:
        return selection.period
    (row,) = _asked(store, "reprice_others", selection, version)
    first, last = (_EPOCH + timedelta(microseconds=row[name]) for name in ("first_us", "last_us"))
    since, until = max(first, selection.period.since), min(last + _HOUR, selection.period.until)
    return Period(since=since, until=until) if row["hours"] else None


def _asked(store: Store, question: str, selection: Selection, version: str) -> list[dict[str, Any]]:
    clauses, source = filtered(selection, CHARGES), _source(selection)
    parameters = {**clauses.parameters, **source.parameters, "version": version}
    return store.query(question, parameters, {**clauses.fragments, **source.fragments})


def _source(selection: Selection) -> Source:
    rollup = chosen((NAMED["calls_by_hour"],), selection.filters, selection.period)
    if rollup is None:
        return stored("charges", selection.period, columns=f"*, {BILLED}")
    return rolled_up(
        rollup, selection.period, selection.filters, ("time", *rollup.dimensions, "billed", "billed_priced", "usd")
    )


def _repriced(store: Store, book: PriceBook, pages: Iterable[_Page], *, writes: bool) -> Iterator[_Call]:
    reading: Callable[[], AbstractContextManager[object]] = (lambda: store.ledger) if writes else nullcontext
    for page in pages:
        with reading():
            recorded_at = time.time_ns() // 1_000_000
            calls = _calls(store, book, page, recorded_at=recorded_at)
            if writes:
                _write(store, [call for call in calls if call.changes], recorded_at=recorded_at)
        yield from calls


def _pages(store: Store, selection: Selection, *, except_version: str) -> Iterator[_Page]:
    """The calls, some thousand at a time, each with its start in nanoseconds since 1970."""
    clauses = filtered(selection, CHARGES)
    after: tuple[int, bytes, bytes] = (0, bytes(16), bytes(8))
    while True:
        start, trace_id, span_id = after
        place = {"after": start, "after_trace": trace_id.hex(), "after_span": span_id.hex()}
        parameters = place | {"limit": _PAGE_CALLS, "except_version": except_version}
        rows = store.query("reprice_calls", {**clauses.parameters, **parameters}, clauses.fragments)
        if not rows:
            return
        yield {(row["trace_id"], row["span_id"]): row["start"] for row in rows}
        after = rows[-1]["start"], rows[-1]["trace_id"], rows[-1]["span_id"]


def _calls(store: Store, book: PriceBook, page: _Page, *, recorded_at: int) -> list[_Call]:
    first, last = min(page.values()), max(page.values())
    spans = again(store, page.keys(), since_ns=first, until_ns=last, around_ns=0)
    anew = {(row.trace_id, row.span_id): charges(row, reading, book, recorded_at=recorded_at) for row, reading in spans}
    entries: defaultdict[SpanKey, list[Charge]] = defaultdict(list)
    for entry in store.records("standing_charges", Charge, of_traces(page, since_ns=first, until_ns=last)):
        entries[entry.trace_id, entry.span_id].append(entry)
    calls = (_Call.of(entries[key], anew.get(key, ())) for key in page)
    return [call for call in calls if call.standing]


def _write(store: Store, changed: Sequence[_Call], *, recorded_at: int) -> None:
    if changed:
        entries = [entry for call in changed for entry in call.entries(recorded_at=recorded_at)]
        store.write(Batch(charges=entries), token=f"reprice-{_token(changed)}")


def _token(changed: Iterable[_Call]) -> str:
    """The same for the same correction of the same entries, whoever makes it; another when the prices come back."""
    digest = sha256()
    for call in changed:
        digest.update(
            repr([call.made, *call.standing, *(entry._replace(recorded_at=0) for entry in call.anew)]).encode()
        )
    return digest.hexdigest()


def _are_alike(stands: Sequence[Charge], anew: Sequence[Charge]) -> bool:
    if len(stands) != len(anew):
        return False
    if len(stands) == len({entry.component for entry in stands}):
        left = {entry.component: billed(entry) for entry in anew}
        return all(left.get(entry.component) == billed(entry) for entry in stands)
    return Counter(billed(entry) for entry in stands) == Counter(billed(entry) for entry in anew)


def _plus(total: Decimal | None, usd: Decimal | None) -> Decimal | None:
    return total if usd is None else MONEY.add(total or _ZERO, usd)
