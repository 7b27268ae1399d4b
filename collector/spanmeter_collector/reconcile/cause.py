"""The likely cause of a difference, in words, and a short name of it for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from spanmeter_collector.reconcile.line import WEB_SEARCHES
from spanmeter_collector.reconcile.row import Row
from spanmeter_collector.wording import counted

_ZERO: Final = Decimal(0)
_NEAR: Final = Decimal("0.02")
_LEAST_SHARE: Final = Decimal("0.1")
_DELAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause: `name` is one of a closed set, `text` says it with its figures."""

    name: str
    text: str


def causes(row: Row, rows: Sequence[Row], *, tolerance: Decimal, today: date) -> list[Cause]:
    """What explains the difference of a row, the likeliest first; empty where there is none to explain."""
    if row.agrees(tolerance):
        return []
    if neighbour := _neighbour(row, rows, tolerance):
        text = (
            f"with {neighbour.day} together it agrees: calls around midnight UTC that the bill books on the other day"
        )
        return [Cause("day_boundary", text)]
    return [*_of_calls(row, today), *_of_tokens(row, tolerance), *_of_prices(row), *_of_rest(row)] or [
        Cause(
            "unknown", "no cause is apparent; compare a single call of that day: spanmeter traces, then spanmeter trace"
        )
    ]


def settled(found: Sequence[Cause]) -> bool:
    """Whether a row that differs is none the less in order."""
    return any(cause.name == "day_boundary" for cause in found)


def _neighbour(row: Row, rows: Sequence[Row], tolerance: Decimal) -> Row | None:
    for other in rows:
        beside = other.model == row.model and abs((other.day - row.day).days) == 1
        if beside and not other.agrees(tolerance) and _make_up(row, other, tolerance):
            return other
    return None


def _make_up(row: Row, other: Row, tolerance: Decimal) -> bool:
    """Whether what one day has too much the other has too little."""
    if row.tells_tokens and other.tells_tokens:
        off = [row.missing(name) + other.missing(name) for name in {*row.components, *other.components}]
        billed = (row.billed_tokens or _ZERO) + (other.billed_tokens or _ZERO)
        if sum(map(abs, off), _ZERO) > tolerance * billed:
            return False
    if row.difference_usd is None or other.difference_usd is None:
        return row.tells_tokens
    billed_usd = (row.billed_usd or _ZERO) + (other.billed_usd or _ZERO)
    return abs(row.difference_usd + other.difference_usd) <= tolerance * abs(billed_usd)


def _of_calls(row: Row, today: date) -> Iterator[Cause]:
    if not row.names:
        yield Cause("not_instrumented", "the ledger has no call of it: an application or an API key without Spanmeter")
    elif not row.billed_names:
        late = " (the provider may not have billed that day in full yet)" if row.day >= today - _DELAY else ""
        text = "the bill does not mention it: calls of a key, project or organisation that this bill is not for"
        yield Cause("not_billed", text + late)
    if row.unpriced_calls:
        text = f"{row.unpriced_calls:,} of {row.calls:,} calls have no known price: spanmeter prices {row.model}"
        yield Cause("unpriced", text)


def _of_tokens(row: Row, tolerance: Decimal) -> Iterator[Cause]:
    if row.model == WEB_SEARCHES:
        yield Cause("fees", "searches are billed apart: of calls without Spanmeter, or more than the answers told of")
        return
    if not row.tells_tokens:
        text = "the file tells no tokens; with the provider's usage export beside it, calls can be told from prices"
        yield Cause("no_tokens_in_file", text)
        return
    if row.tokens_agree(tolerance) or not row.names or not row.billed_names:
        return
    billed = row.billed_tokens or _ZERO
    more = row.tokens - billed
    if abs(more) <= tolerance * billed:
        yield Cause("cache_split", f"the same tokens in other buckets: {_buckets(row)}")
    elif more < 0:
        yield _fewer(row, -more, billed)
    else:
        yield _more(row, more, billed)


def _fewer(row: Row, tokens: Decimal, billed: Decimal) -> Cause:
    if row.billed_calls is not None and row.billed_calls > row.calls:
        calls = f"{row.billed_calls - row.calls:,} of {row.billed_calls:,} calls and {tokens:,} of {billed:,} tokens"
        return Cause("missing_calls", f"{calls} are not in the ledger: an application or an API key without Spanmeter")
    if row.billed_calls is not None:
        text = f"all {row.billed_calls:,} calls are in the ledger, {tokens:,} of {billed:,} tokens are not"
        told = f", and {row.estimated_tokens:,} are estimates" if row.estimated_tokens else ""
        return Cause("missing_tokens", f"{text}{told}: streams that were cut off or told no usage ({_buckets(row)})")
    return Cause(
        "missing_calls",
        f"{tokens:,} of {billed:,} tokens are not in the ledger: an application or an API key without Spanmeter",
    )


def _more(row: Row, tokens: Decimal, billed: Decimal) -> Cause:
    times = row.tokens / billed if billed else _ZERO
    if times >= 2 - _NEAR and abs(times - round(times)) <= _NEAR:
        text = f"the ledger has everything {round(times)} times: look at spanmeter duplicates and spanmeter doctor"
        return Cause("duplicates", text)
    surplus = 0 if row.billed_calls is None else row.calls - row.billed_calls
    calls = f" and {counted(int(surplus), 'call')}" if surplus > 0 else ""
    text = f"the ledger has {tokens:,} tokens{calls} more: calls of another key or project, or some counted twice"
    return Cause("more_calls", f"{text} (spanmeter duplicates)")


def _buckets(row: Row) -> str:
    off = [(name, row.missing(name)) for name in row.components]
    return ", ".join(f"{name} {tokens:+,}" for name, tokens in off if tokens)


def _of_prices(row: Row) -> Iterator[Cause]:
    split, ratio = row.split(), row.price_ratio
    if split is None or ratio is None or not _matters(split.price_usd, row):
        return
    terms = f"; the bill says {', '.join(sorted(row.terms))}" if row.terms else ""
    for factor, name, text in _FACTORS:
        if abs(ratio - factor) <= _NEAR * factor:
            yield Cause(name, f"the bill's price is {ratio:.2f} times ours: {text}{terms}")
            return
    if ratio < 1:
        text = f"the bill is {1 - ratio:.1%} below our price: a discount, or a price that fell"
        yield Cause("discount", f"{text}; write it into SPANMETER_PRICES{terms}")
    else:
        text = f"the bill is {ratio - 1:.1%} above our price: a tier, long context, or a price that rose"
        yield Cause("dearer", f"{text}; see spanmeter prices {row.model}{terms}")


_FACTORS: Final = (
    (Decimal("0.5"), "batch", "batch or flex, at half the price, which the calls do not tell"),
    (Decimal("1.1"), "region", "a regional or residency surcharge of 10 %"),
    (Decimal(2), "priority", "priority or fast processing, at twice the price"),
)


def _of_rest(row: Row) -> Iterator[Cause]:
    split = row.split()
    others = sorted(name for name in row.bill if name and name not in row.components)
    if split is not None and row.tells_tokens and others and _matters(split.rest_usd, row):
        yield Cause("fees", f"the bill has {', '.join(others)} beside tokens")


def _matters(usd: Decimal, row: Row) -> bool:
    """Whether a part is at least a tenth of the difference."""
    return abs(usd) >= _LEAST_SHARE * abs(row.difference_usd or _ZERO) and usd != 0
