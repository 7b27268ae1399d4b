"""Calls that every proposal treats alike, together: what they cost and used, and what that would become."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, Self

from spanmeter.pricing import PriceKey
from spanmeter.pricing.money import MONEY
from spanmeter.pricing.rates import Line

Example = tuple[Decimal | int, bytes, bytes, Decimal | None]
"""One of a group's calls: the negative of what it is large in, the ids of its trace and span, what it cost."""
Lines = Mapping[str, Line]
_ZERO: Final = Decimal(0)
_NO_USE: Final = frozenset({"reported", "requests", "compute_ms"})
"""Lines of a bill that are none of what was used."""


class Group(NamedTuple):
    """One row of the question `savings`; every field is a column of it. Amounts are in US dollars, None if unknown."""

    epoch: int
    provider: str
    model: str
    is_embedding: int
    tenant: str
    service_tier: str
    price_region: str
    step: int
    waste: str
    is_repeated: int
    is_offline: int
    swap: int
    is_unpriced: int
    is_in_parts: int
    is_known_in_part: int
    is_unread: int
    is_supplied: int
    is_beyond: int
    is_shared: int
    calls: int
    hashed_calls: int
    usd: Decimal | None
    labels: Sequence[str]
    counts: Sequence[int]
    input_tokens: int
    output_tokens: int
    longest: int
    duration_ms: int
    repeated_tokens: int
    unread_5m: int
    unread_1h: int
    surplus: Sequence[int]
    beyond_tokens: int
    beyond_tokens_within: int
    read_tokens: int
    write_tokens: int
    read_tokens_within: int
    write_tokens_within: int
    dearest: Sequence[Example]
    most_repeated: Sequence[Example]
    most_unread: Sequence[Example]
    most_supplied: Sequence[Example]
    furthest_beyond: Sequence[Example]
    most_shared: Sequence[Example]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """The group that a row of the question tells of."""
        return cls(**{name: row[name] for name in cls._fields})

    @property
    def key(self) -> PriceKey:
        """What selects the prices of these calls."""
        return PriceKey(self.provider, self.model, "", self.service_tier, self.price_region, self.tenant)


@dataclass(frozen=True, slots=True)
class State:
    """What is left of a group's calls after some proposals: whom they ask, what they use, what that costs.

    `lines` are the prices of one call as long as the longest of them, at the time of the calls.
    """

    key: PriceKey
    lines: Lines
    used: Mapping[str, int]
    usd: Decimal | None
    is_limited: bool = False

    @classmethod
    def of(cls, group: Group, lines: Lines) -> Self:
        """A group as it was."""
        used = {label: count for label, count in zip(group.labels, group.counts, strict=True) if count}
        return cls(group.key, lines, used, None if group.is_unpriced else group.usd)

    def gone(self) -> State | None:
        """Without these calls; None where nobody knows what they cost."""
        return None if self.usd is None else replace(self, used={}, usd=_ZERO)

    def moved(self, moves: Iterable[tuple[str, str, int]]) -> State | None:
        """With tokens billed as those of another bucket, or with "" not at all: (from, to, tokens).

        It stays as it is if that saves nothing. None where a price is missing.
        """
        if self.usd is None:
            return None
        used, saved = dict(self.used), _ZERO
        for source, target, asked in moves:
            tokens = min(asked, used.get(source, 0))
            if tokens <= 0:
                continue
            before, after = self.lines.get(source), self.lines.get(target)
            if before is None or (target and after is None):
                return None
            each = MONEY.subtract(before.usd_each, _ZERO if after is None else after.usd_each)
            saved = MONEY.add(saved, MONEY.multiply(each, tokens))
            used[source] -= tokens
            used[target] = used.get(target, 0) + tokens
        used.pop("", None)
        if saved <= 0:
            return self
        return replace(self, used=used, usd=MONEY.subtract(self.usd, min(saved, self.usd)))

    def at(self, key: PriceKey, lines: Lines, group: Group) -> State | None:
        """The same use at other prices; None where one of them is missing."""
        usd = self.priced(lines, group)
        if self.usd is None or usd is None:
            return None
        return replace(self, key=key, lines=lines, usd=usd)

    def priced(self, lines: Lines, group: Group) -> Decimal | None:
        """What the same use costs at some prices; None where one of them is missing."""
        if not self.used:
            return _ZERO
        counts = {label: count for label, count in self.used.items() if label not in _NO_USE}
        if "requests" in lines:
            counts["requests"] = group.calls
        if "compute_ms" in lines:
            counts = {"compute_ms": group.duration_ms}
        if group.is_in_parts or not counts or not counts.keys() <= lines.keys():
            return None
        total = _ZERO
        for label, count in counts.items():
            total = MONEY.add(total, MONEY.multiply(lines[label].usd_each, count))
        return total


class Epochs(NamedTuple):
    """The times at which any price in question begins to hold, ascending; a group tells which of them was the last."""

    starts: Sequence[datetime]

    def start(self, group: Group) -> datetime:
        """The time from which the prices of a group's calls held."""
        return self.starts[max(group.epoch, 1) - 1]
