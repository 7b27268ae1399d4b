"""A duplicate: a span that tells of a call which is counted elsewhere, kept with the reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from spanmeter_collector.same_call import HAS_MODEL_DESCENDANT, SAME_INTERVAL, SAME_RESPONSE_ID, Found
from spanmeter_collector.sighting import INSIDE_CALL, WRAPPER, Sighting

SAME_SPAN: Final = "same_span"
REASONS: Final = (WRAPPER, INSIDE_CALL, SAME_SPAN, HAS_MODEL_DESCENDANT, SAME_RESPONSE_ID, SAME_INTERVAL)
"""Every reason there is, in the order in which they are looked for."""
NOBODY: Final = bytes(8)


class Duplicate(NamedTuple):
    """One row of table `duplicates`; every field is a column of that name.

    `entry` is `found`, or `withdrawn` once spans that came later say otherwise. `usd` is what the span would have
    been charged at the prices of that time, None when that is unknown: it is no entry of the ledger and not repriced.
    `counted_span_id` is zeros where the counted span is not known.
    """

    time: int
    recorded_at: int
    entry: str
    reason: str
    trace_id: bytes
    span_id: bytes
    counted_span_id: bytes
    service: str
    scope: str
    name: str
    operation: str
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    usd: Decimal | None

    @property
    def found(self) -> Found:
        """The reason and the counted span."""
        return Found(self.reason, self.counted_span_id)

    @property
    def is_used(self) -> bool:
        """Whether it says how many tokens the call used."""
        return bool(self.input_tokens or self.output_tokens)


def duplicate(seen: Sighting, found: Found, usd: Decimal | None, *, recorded_at: int) -> Duplicate:
    """The record of a span that is not counted; `usd` is what it would have been charged."""
    return Duplicate(
        time=seen.start,
        recorded_at=recorded_at,
        entry="found",
        reason=found.reason,
        trace_id=seen.trace_id,
        span_id=seen.span_id,
        counted_span_id=found.counted,
        service=seen.service,
        scope=seen.scope,
        name=seen.name,
        operation=seen.operation,
        provider=seen.provider,
        model=seen.model,
        input_tokens=seen.input_tokens,
        output_tokens=seen.output_tokens,
        usd=usd,
    )


def withdrawn(earlier: Duplicate, *, recorded_at: int) -> Duplicate:
    """The record that takes an earlier one back."""
    return earlier._replace(entry="withdrawn", recorded_at=recorded_at)
