"""Amounts of money as text."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

UNKNOWN: Final = "unknown"
CENT: Final = Decimal("0.01")


def usd_text(usd: Decimal | None) -> str | None:
    """A decimal string without exponent and without trailing zeros ("0.00033"); None for an unknown amount."""
    if usd is None or usd == 0:
        return None if usd is None else "0"
    text = f"{usd:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def readable_usd(text: str | None) -> str:
    """An amount as people read it: $1,234.50, $0.0042, $0.000330 ("unknown" for None).

    From a dollar on two decimals, from a cent on four, below that six; what would round to nothing shows three
    significant digits, so that only zero looks like zero.
    """
    if text is None:
        return UNKNOWN
    usd = Decimal(text)
    size = abs(usd)
    sign = "-" if usd < 0 else ""
    if size >= 1 or size == 0:
        return f"{sign}${size:,.2f}"
    if size >= CENT:
        return f"{sign}${size:.4f}"
    return f"{sign}${size:.6f}" if size >= Decimal("0.00001") else f"{sign}${size:.{2 - size.adjusted()}f}"
