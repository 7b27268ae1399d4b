"""Numbers as senders write them: as numbers or as text, sometimes none, negative or beyond any call."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from spanmeter_collector.otlp import Value

_MOST: Final = 10**12
_MOST_DIGITS: Final = 12
_LONGEST_S: Final = 10**6


def count(said: Value) -> int | None:
    """A count of tokens, calls or units; None where it is none or beyond any call."""
    if type(said) is str and len(said) <= _MOST_DIGITS and said.isdecimal():
        return int(said)
    found = said if type(said) is int else _number(said)
    return int(found) if found is not None and 0 <= found <= _MOST else None


def dollars(said: Value) -> Decimal | None:
    """An amount; None where it is none."""
    found = _number(said)
    return found if found is not None and 0 <= found <= _MOST else None


def nanoseconds(said: Value) -> int:
    """A length of time that is told in seconds; 0 where it is none."""
    seconds = _number(said)
    return int(seconds * 1_000_000_000) if seconds is not None and 0 <= seconds <= _LONGEST_S else 0


def _number(said: Value) -> Decimal | None:
    if said is None or isinstance(said, bool) or not isinstance(said, (str, int, float)):
        return None
    try:
        number = Decimal(str(said))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
