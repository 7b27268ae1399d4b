"""The process's counters add up what ended."""

from __future__ import annotations

from decimal import Decimal

from spanmeter.pricing import Usage
from spanmeter.receipt import Receipt
from spanmeter.tally import Tally


def test_calls_tokens_and_cost_add_up() -> None:
    tally = Tally()
    for cost in (Decimal("0.1"), None):
        usage = Usage(input=3, cache_read=2, output=4)
        tally.add(Receipt("langchain", "chat", "openai", "m", "m", 1.0, calls=1, usage=usage, cost_usd=cost))
    tally.add_span()
    tally.add_exported(7)

    assert (tally.calls, tally.tokens, tally.cost_usd, tally.spans, tally.exported_spans) == (
        2,
        18,
        Decimal("0.1"),
        1,
        7,
    )
