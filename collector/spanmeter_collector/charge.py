"""Charges: the entries of the ledger that a call makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import Final, NamedTuple

from spanmeter.pricing.money import MONEY

_ZERO: Final = Decimal(0)
_NO_TAGS: Final[Mapping[str, str]] = MappingProxyType({})


class Charge(NamedTuple):
    """One row of table `charges`; every field is a column of that name.

    `time` counts nanoseconds, `recorded_at` and `ended_at` milliseconds since 1970 in UTC. `usd` is None when no price
    is known. `counted_by` is the process whose own counters count the call, empty where others tell of it.
    """

    time: int
    recorded_at: int
    entry: str
    trace_id: bytes
    span_id: bytes
    component: str
    calls: int = 0
    failed_calls: int = 0
    cache_hits: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    quantity: int = 0
    unit: str = "call"
    usd_per_unit: Decimal | None = None
    usd: Decimal | None = Decimal(0)
    grade: str = ""
    price_version: str = ""
    service: str = ""
    framework: str = ""
    operation: str = ""
    provider: str = ""
    model: str = ""
    user: str = ""
    session: str = ""
    tenant: str = ""
    feature: str = ""
    team: str = ""
    counted_by: str = ""
    ended_at: int = 0
    tags: Mapping[str, str] = _NO_TAGS


def _columns(first: str, last: str) -> itemgetter[slice]:
    return itemgetter(slice(Charge._fields.index(first), Charge._fields.index(last) + 1))


_what: Final = _columns("trace_id", "component")
_recorded_at: Final = attrgetter("recorded_at")
_amounts: Final = _columns("calls", "quantity")
_about: Final = _columns("grade", "tags")
_said: Final = _columns("trace_id", "tags")
billed: Final = _columns("component", "grade")
"""The fields that say how much, whosever call it is and whenever it was recorded."""


def reversal(charge: Charge, *, recorded_at: int) -> Charge:
    """The entry that takes another one back: the same with all its numbers negative."""
    usd = None if charge.usd is None else -charge.usd
    amounts = [-amount for amount in _amounts(charge)]
    each = charge.unit, charge.usd_per_unit
    return Charge._make((charge.time, recorded_at, "reversal", *_what(charge), *amounts, *each, usd, *_about(charge)))


def standing(entries: Iterable[Charge]) -> list[Charge]:
    """The entries that no reversal has taken back; of equal ones the latest stand, in whatever order they come."""
    left: list[Charge] = []
    reversals: list[Charge] = []
    for entry in sorted(entries, key=_recorded_at):
        (reversals if entry.entry == "reversal" else left).append(entry)
    for taken_back in reversals:
        meant = _said(reversal(taken_back, recorded_at=0))
        same = (place for place, entry in enumerate(left) if _said(entry) == meant and entry.time == taken_back.time)
        match = next(same, None)
        if match is not None:
            del left[match]
    return left


def usd_of(entries: Iterable[Charge]) -> Decimal | None:
    """What entries come to; None where one of them is not known."""
    total = _ZERO
    for entry in entries:
        if entry.usd is None:
            return None
        total = MONEY.add(total, entry.usd)
    return total
