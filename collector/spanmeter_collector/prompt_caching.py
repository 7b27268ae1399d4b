"""What providers' own prompt caches were read, written with, and written with for nothing, and what that saved."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from spanmeter.pricing import PriceBook, PriceKey
from spanmeter.pricing.money import MONEY
from spanmeter.pricing.rates import Line
from spanmeter_collector.caches_answer import PromptCachingAnswer, PromptCachingFigures, PromptCachingRow
from spanmeter_collector.clauses import grouped
from spanmeter_collector.money import usd_text
from spanmeter_collector.selection import CHARGES, Options, Selection, grouped_by
from spanmeter_collector.store import Store
from spanmeter_collector.times import write_time

_OF_ENTRIES: Final = frozenset({"grade", "component"})
"""Dimensions of single entries: a read and the write before it are told apart by nothing of theirs."""
DIMENSIONS: Final = replace(CHARGES, keys={name: key for name, key in CHARGES.keys.items() if name not in _OF_ENTRIES})
OPTIONS: Final = Options(DIMENSIONS, {"since": "24h", "until": "", "group_by": "provider,model", "limit": "1000"})
MOST_ROWS: Final = 10_000
_TOKENS: Final = ("read_tokens", "written_tokens", "never_read_tokens", "open_tokens")
_USD: Final = {"read_usd": "read_tokens", "written_usd": "written_tokens", "never_read_usd": "never_read_tokens"}
"""What was charged, by the tokens that it was charged for: nothing for none, unknown where none has a price."""
_OTHER_MODEL: Final = "@"
_BESIDE: Final = {"cache_read_audio": "input_audio", "cache_read_image": "input_image"}
"""The bucket of what is read neither from nor into a cache; `input` for all others."""
_TIERS: Final = ("", "batch", "flex", "priority", "fast")
_ZERO: Final = Decimal(0)


def answer_prompt_caching(store: Store, book: PriceBook, selection: Selection, *, now: datetime) -> PromptCachingAnswer:
    """The prompt caching of a selection, as far as it is known `now`.

    Raises:
        QuestionError: The limit is not allowed.
    """
    limit = selection.whole("limit", least=1, most=MOST_ROWS)
    clauses = grouped(selection, DIMENSIONS, most="written_tokens", limit=limit)
    parameters = {**clauses.parameters, "now": round(now.timestamp() * 1e6)}
    total, *rows = store.query("prompt_caching", parameters, clauses.fragments)
    return PromptCachingAnswer(
        rows=[
            PromptCachingRow.model_validate({**grouped_by(row, selection), **_figures(row, book)})
            for row in rows[:limit]
        ],
        total=PromptCachingFigures.model_validate(_figures(total, book)),
        since=write_time(selection.period.since),
        until=write_time(selection.period.until),
        truncated=len(rows) > limit,
    )


def _figures(row: Mapping[str, Any], book: PriceBook) -> dict[str, Any]:
    read_saved = _Compared(row["compared_read_tokens"], row["read_saved_usd"] or _ZERO)
    write_extra = _Compared(row["compared_written_tokens"], row["write_extra_usd"] or _ZERO)
    for is_read, tokens, difference in _apart(row["apart"], book):
        if is_read:
            read_saved = read_saved.plus(tokens, difference)
        else:
            write_extra = write_extra.plus(tokens, -difference)
    saved_usd, extra_usd = read_saved.usd_of(row["read_tokens"]), write_extra.usd_of(row["written_tokens"])
    net_usd = None if saved_usd is None or extra_usd is None else MONEY.subtract(saved_usd, extra_usd)
    return {
        **{name: row[name] for name in _TOKENS},
        **{name: usd_text(row[name] if row[tokens] else _ZERO) for name, tokens in _USD.items()},
        "read_saved_usd": usd_text(saved_usd),
        "write_extra_usd": usd_text(extra_usd),
        "net_saved_usd": usd_text(net_usd),
        "unpriced_tokens": row["read_tokens"] + row["written_tokens"] - read_saved.tokens - write_extra.tokens,
    }


class _Compared(NamedTuple):
    """Tokens whose price is compared with that of plain input, and what the difference comes to."""

    tokens: int
    usd: Decimal

    def plus(self, tokens: int, each_usd: Decimal) -> _Compared:
        return _Compared(self.tokens + tokens, MONEY.add(self.usd, MONEY.multiply(each_usd, tokens)))

    def usd_of(self, all_tokens: int) -> Decimal | None:
        """The difference; None where there are tokens and none of them could be compared."""
        return None if all_tokens and not self.tokens else self.usd


def _apart(apart: Mapping[str, int], book: PriceBook) -> Iterator[tuple[bool, int, Decimal]]:
    """The tokens of calls that had no plain input: if they were read, how many, and what one was cheaper by."""
    for told, tokens in apart.items():
        provider, model, tenant, day, component, each = json.loads(told)
        bucket, _, other = component.partition(_OTHER_MODEL)
        key = PriceKey(provider, other or model, tenant=tenant)
        plain = plain_usd(book, key, date.fromisoformat(day), bucket, Decimal(each))
        if plain is not None:
            yield bucket.startswith("cache_read"), tokens, MONEY.subtract(plain, Decimal(each))


def plain_usd(book: PriceBook, key: PriceKey, day: date, bucket: str, usd: Decimal) -> Decimal | None:
    """What a token of plain input cost on a day for calls to which one of `bucket` cost `usd`; None if not known.

    It is looked for at every tier and length of prompt, and known only where all that fit agree.
    """
    beside = _BESIDE.get(bucket, "input")
    found = {
        lines[beside].usd_each
        for lines in _lines(book, key, day)
        if bucket in lines and beside in lines and lines[bucket].usd_each == usd
    }
    return found.pop() if len(found) == 1 else None


def _lines(book: PriceBook, key: PriceKey, day: date) -> Iterator[Mapping[str, Line]]:
    """The prices of a day, of each tier and for each length of prompt."""
    for tiered in (key._replace(service_tier=tier) for tier in _TIERS):
        for rates in (book.rates(tiered, start) for start in book.changes(tiered, day)):
            yield from (rates.lines, *(lines for _, lines in rates.steps))
