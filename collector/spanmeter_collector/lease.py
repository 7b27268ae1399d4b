"""A lease: what one process told of a budget, what it may reach, and until when that holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Self

from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.times import read_time

LEASE_S: Final = 10.0
"""How long a lease holds that is not renewed."""
ZERO: Final = Decimal(0)
_MOST_USD: Final = Decimal(10) ** 15
_MOST_COUNT: Final = 2**63 - 1
_LONGEST_HOLDER: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a holder tells and asks for, all but the last two for one period and cumulative.

    `need` is what has to fit for a call that waits, given whole or not at all; `want` is headroom beyond what is spent
    and reserved, given as far as it goes round. `holds` is what the holder is bound by while it waits for the answer.
    An ask with a smaller `sequence` than one before changes nothing.
    """

    holder: str
    sequence: int = 0
    period: datetime | None = None
    spent: Decimal = ZERO
    reserved: Decimal = ZERO
    need: Decimal = ZERO
    want: Decimal = ZERO
    holds: Decimal | None = None
    stopped: int = 0
    downgraded: int = 0
    release: bool = False

    @classmethod
    def of(cls, told: Mapping[str, Any], *, now: datetime) -> Self:
        """The ask that the fields of a request are.

        Raises:
            QuestionError: A field is unknown or missing, or its value is not allowed.
        """
        for key in told:
            if key not in _FIELDS:
                raise QuestionError(f"there is no field {key!r}; allowed: {', '.join(_FIELDS)}")
        if "holder" not in told:
            raise QuestionError("holder is missing; expected a name that no other process has")
        given = {key: value for key, value in told.items() if value is not None}
        period = given.pop("period", None)
        read = {_FIELDS[key][0]: _FIELDS[key][1](key, value) for key, value in given.items()}
        return cls(period=None if period is None else _time(period, now), **read)

    @property
    def used(self) -> Decimal:
        """What is spent and reserved."""
        return self.spent + self.reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What the store holds of one holder in a period. `held` is the most it may have reached until it tells again."""

    holder: str
    sequence: int
    revision: int
    spent: Decimal
    reserved: Decimal
    held: Decimal
    granted: Decimal
    waits: bool
    stopped: int
    downgraded: int
    expires_ms: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """The lease of a row of the store."""
        return cls(**{**row, "waits": bool(row["waits"])})

    @property
    def lent(self) -> Decimal:
        """How much more than it spent it may have reached."""
        return max(self.held - self.spent, ZERO)

    def tells_as(self, other: Lease) -> bool:
        """Whether both say the same but for the times."""
        return _said(self) == _said(other)


def _said(lease: Lease) -> tuple[object, ...]:
    counts = lease.waits, lease.stopped, lease.downgraded
    return lease.spent, lease.reserved, lease.held, lease.granted, *counts


def _usd(key: str, value: object) -> Decimal:
    refusal = QuestionError(f'{key}={str(value)[:80]!r} is not allowed; allowed: US dollars from 0, such as "0.25"')
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise refusal
    try:
        usd = Decimal(value)
    except InvalidOperation:
        raise refusal from None
    if not (usd.is_finite() and 0 <= usd <= _MOST_USD):
        raise refusal
    return round(usd, 12)


def _count(key: str, value: object) -> int:
    if isinstance(value, bool) or not (isinstance(value, int) and 0 <= value <= _MOST_COUNT):
        raise QuestionError(f"{key}={str(value)[:80]!r} is not allowed; allowed: a whole number from 0")
    return value


def _holder(key: str, value: object) -> str:
    if not (isinstance(value, str) and 0 < len(value) <= _LONGEST_HOLDER):
        raise QuestionError(f"{key}={str(value)[:80]!r} is not allowed; allowed: up to {_LONGEST_HOLDER} characters")
    return value


def _switch(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise QuestionError(f"{key}={str(value)[:80]!r} is not allowed; allowed: true and false")
    return value


def _time(value: object, now: datetime) -> datetime:
    return read_time(value if isinstance(value, str) else str(value), name="period", now=now)


_FIELDS: Final[Mapping[str, tuple[str, Callable[[str, object], Any]]]] = {
    "holder": ("holder", _holder),
    "sequence": ("sequence", _count),
    "period": ("period", lambda _, value: value),
    "spent_usd": ("spent", _usd),
    "reserved_usd": ("reserved", _usd),
    "need_usd": ("need", _usd),
    "want_usd": ("want", _usd),
    "holds_usd": ("holds", _usd),
    "stopped_calls": ("stopped", _count),
    "downgraded_calls": ("downgraded", _count),
    "release": ("release", _switch),
}
