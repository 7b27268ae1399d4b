"""What requests cost, by the provider's account and by what their spans say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from spanmeter import semconv

Account = tuple[int, int, int, Decimal]
"""Calls, input tokens, output tokens, US dollars."""


def total(accounts: list[Account]) -> Account:
    """Sum up accounts."""
    calls, asked, answered, usd = zip(*accounts, strict=True) if accounts else ((), (), (), ())
    return sum(calls), sum(asked), sum(answered), sum(usd, Decimal(0))


def account(span: ReadableSpan) -> Account:
    """Read what a span says its request cost: nothing unless it is a call that was answered."""
    said: Any = span.attributes or {}
    is_call = said.get(semconv.OPERATION_NAME) in semconv.CALL_OPERATIONS
    if not is_call or (mark(span) and semconv.INPUT_TOKENS not in said):
        return 0, 0, 0, Decimal(0)
    tokens = said.get(semconv.INPUT_TOKENS, 0), said.get(semconv.OUTPUT_TOKENS, 0)
    return said.get(semconv.CALLS, 1), *tokens, Decimal(said.get(semconv.COST_USD, "0"))


def mark(span: ReadableSpan) -> str:
    """Say, in brackets, why a span is no call that was answered, if it says so."""
    said = span.attributes or {}
    marks = {semconv.WRAPPER: "wrapper", semconv.CACHE_HIT: "cache hit"}
    word = next((word for key, word in marks.items() if said.get(key)), "")
    word = word or str(said.get(semconv.OUTCOME) or said.get(semconv.ERROR_TYPE) or "")
    return word and f" ({word})"
