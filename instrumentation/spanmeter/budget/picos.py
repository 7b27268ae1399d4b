"""Money in whole trillionths of a dollar, the smallest the ledger knows: exact, and cheap to add up on every call."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Final

from spanmeter.pricing.money import MONEY

_WHOLE: Final = Decimal(1)
ZERO: Final = Decimal(0)


def picos_of(usd: Decimal) -> int:
    """US dollars as trillionths; what is beyond twelve places counts as one more."""
    return int(MONEY.scaleb(usd, 12).quantize(_WHOLE, rounding=ROUND_CEILING, context=MONEY))


def usd_of(picos: int) -> Decimal:
    """Trillionths as US dollars, without zeros at the end."""
    return Decimal(f"{MONEY.scaleb(Decimal(picos), -12).normalize(MONEY):f}") if picos else ZERO
