"""A loss: what one application process counted itself and the ledger lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Final, Self

_ZERO: Final = Decimal(0)
_FLOAT_NOISE: Final = Decimal("1e-13")
"""Counters travel as floating-point numbers, exact to 15 digits: what differs by less is equal."""
_PLACES: Final = Decimal("1e-12")
_EXACT: Final = Context(prec=400)
"""For any float with its places."""
WAITING: Final = "waiting"
SEVERAL: Final = "several"
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Figures:
    """Answered calls, failed calls, input and output tokens, and US dollars as far as prices are known."""

    calls: int = 0
    failed_calls: int = 0
    tokens: int = 0
    usd: Decimal = _ZERO

    @classmethod
    def of(cls, row: Mapping[str, Any], kind: str) -> Self:
        """The figures in the columns `<kind>_calls`, `<kind>_failed_calls`, `<kind>_tokens` and `<kind>_usd`."""
        usd = row[f"{kind}_usd"]
        return cls(
            calls=round(row[f"{kind}_calls"]),
            failed_calls=round(row[f"{kind}_failed_calls"]),
            tokens=round(row[f"{kind}_tokens"]),
            usd=usd if isinstance(usd, Decimal) else Decimal(f"{usd:.15g}").quantize(_PLACES, context=_EXACT),
        )

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.calls + other.calls,
            self.failed_calls + other.failed_calls,
            self.tokens + other.tokens,
            self.usd + other.usd,
        )

    def beyond(self, other: Figures) -> Figures:
        """What these have more than others, nothing where they have less."""
        more = self.usd - other.usd
        return Figures(
            max(self.calls - other.calls, 0),
            max(self.failed_calls - other.failed_calls, 0),
            max(self.tokens - other.tokens, 0),
            more if more > _FLOAT_NOISE * max(self.usd, other.usd) else _ZERO,
        )

    @property
    def counts(self) -> tuple[int, int, int]:
        """All but the money."""
        return self.calls, self.failed_calls, self.tokens


@dataclass(frozen=True, slots=True)
class Loss:
    """One process: what it told, what of that its sampler left out, and what arrived.

    `started_ns` counts nanoseconds since 1970 by the process's clock, `last_heard_ms` milliseconds by the sidecar's;
    `starts` is more than 1 where processes follow each other or share an id. `dropped_spans` are what the process
    itself gave up, by reason, `waiting_spans` what it still holds in memory or on disk.
    """

    service: str
    instance: str
    started_ns: int
    starts: int
    last_heard_ms: int
    told: Figures
    unsampled: Figures
    arrived: Figures
    dropped_spans: Mapping[str, int]
    waiting_spans: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """A row of `losses.sql`."""
        dropped = {reason or UNKNOWN: round(spans) for reason, spans in sorted(row["dropped_spans"].items())}
        return cls(
            service=row["service"],
            instance=row["instance"],
            started_ns=row["started_ns"],
            starts=row["starts"],
            last_heard_ms=row["last_heard_ms"],
            told=Figures.of(row, "told"),
            unsampled=Figures.of(row, "unsampled"),
            arrived=Figures.of(row, "arrived"),
            dropped_spans=dropped,
            waiting_spans=max(round(row["spans"] - row["exported_spans"]) - sum(dropped.values()), 0),
        )

    @property
    def missing(self) -> Figures:
        """What was to arrive and did not; money that is only priced differently is not missing."""
        missing = self._sent.beyond(self.arrived)
        return missing if any(missing.counts) else Figures()

    @property
    def surplus(self) -> Figures:
        """What arrived and was not told: counters got lost themselves, as of a process that was killed."""
        surplus = self.arrived.beyond(self._sent)
        return surplus if any(surplus.counts) else Figures()

    @property
    def is_priced_differently(self) -> bool:
        """Whether process and sidecar agree on all calls and tokens, and not on what they cost."""
        if self._sent.counts != self.arrived.counts:
            return False
        return self._sent.beyond(self.arrived) != self.arrived.beyond(self._sent)

    @property
    def reason(self) -> str:
        """Why calls are missing, as far as the process knows; empty where none are.

        One of the process's own reasons, `several` of them, `waiting` in the process, or `unknown`: after the process.
        """
        if self.missing == Figures():
            return ""
        reasons = [reason for reason, spans in self.dropped_spans.items() if spans]
        if not reasons:
            return WAITING if self.waiting_spans else UNKNOWN
        return reasons[0] if len(reasons) == 1 else SEVERAL

    @property
    def _sent(self) -> Figures:
        return self.told.beyond(self.unsampled)


def total(figures: Iterable[Figures]) -> Figures:
    """All of them together."""
    return sum(figures, start=Figures())
