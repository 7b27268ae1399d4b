"""Money in whole trillionths of a dollar, the smallest the ledger knows: exact, and cheap to add up on every call."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from spanmeter.pricing.money import MONEY

ZERO: Final = Decimal(0)


def picos_of(usd: Decimal) -> int:
    """US dollars as trillionths; what is beyond twelve places counts as one more."""
    scaled = usd.scaleb(12, MONEY)
    whole = int(scaled)
    return whole if whole == scaled else whole + (scaled > 0)


def usd_of(picos: int) -> Decimal:
    """Trillionths as US dollars, without zeros at the end."""
    return Decimal(f"{MONEY.scaleb(Decimal(picos), -12).normalize(MONEY):f}") if picos else ZERO
