"""Exact arithmetic on money, whatever decimal context the application has set."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

PLACES: Final = Decimal("1e-12")
MONEY: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
