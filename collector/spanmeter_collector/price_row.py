"""Rows of prices: what the tokens of one shape's calls cost on one day, for the engine to multiply by their counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple, Self

from spanmeter.pricing import PriceBook, PriceKey
from spanmeter.pricing.rates import Line
from spanmeter_collector.bill import UNKNOWN, tokens_of

BUCKETS: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
"""What the engine can bill, in the order of `spanmeter.pricing.usage.BUCKETS`; a call with other usage is Python's."""
TOKENS: Final = tokens_of(BUCKETS)
_MOST_ATTOS: Final = 10**15
"""A thousandth of a dollar a token: a billion of them come to less than the largest number of picos."""
_BY_OTHERS: Final = frozenset({"compute_ms", "requests"})
_1970: Final = date(1970, 1, 1).toordinal()


class PriceRow(NamedTuple):
    """One row of table `prices`; every field is a column of that name. The days count from 1970."""

    shape: int
    day: int
    grade: str
    steps: Sequence[int]
    attos: Sequence[Sequence[int]]

    @classmethod
    def of(cls, book: PriceBook, key: PriceKey, *, shape: int, day: int, estimated: bool) -> Self | None:
        """The prices of a key on a day; None where they take more than to be multiplied by counts."""
        changes = book.changes(key, date.fromordinal(_1970 + day))
        rates = book.rates(key, changes[0])
        lines = [rates.lines, *(lines for _, lines in rates.steps)]
        if len(changes) > 1 or any(_BY_OTHERS & each.keys() for each in lines):
            return None
        attos = [[_atto(each, bucket) for bucket in BUCKETS] for each in lines]
        if any(each is None or each > _MOST_ATTOS for step in attos for each in step):
            return None
        steps = [threshold for threshold, _ in rates.steps]
        known = [[each for each in step if each is not None] for step in attos]
        return cls(shape, day, "estimated" if estimated else "computed", steps, known)


def _atto(lines: Mapping[str, Line], bucket: str) -> int | None:
    return lines[bucket].attos if bucket in lines else UNKNOWN
