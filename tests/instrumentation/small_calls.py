"""Calls of a small model, and prices that are easy to work out."""

# ruff: noqa: ARG001  the signature is PriceBook.cost's
from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from spanmeter.call import Opening
from spanmeter.pricing import Cost, PriceKey, Usage

CHAT = Opening(operation="chat", name="chat small", framework="llama_index", provider="openai", model="small")
USAGE = Usage(input=30, cache_read=10, output=4, reasoning=1)


def cents(  # noqa: PLR0913  the signature is PriceBook.cost's
    key: PriceKey,
    usage: Usage,
    *,
    at: datetime,
    reported_usd: Decimal | None = None,
    estimated: bool = False,
    duration_s: Decimal | None = None,
) -> Cost:
    """A cent for each input token, whatever the model."""
    return Cost(Decimal(usage.input_tokens) / 100, "estimated" if estimated else "computed", (), "test", "")
