"""A charge: one entry of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One row of table `charges`; every field is a column of that name.

    `time` counts nanoseconds and `recorded_at` milliseconds since 1970 in UTC. `usd` is None when no price is known.
    """

    time: int
    recorded_at: int
    entry: str
    trace_id: bytes
    span_id: bytes
    component: str
    calls: int = 0
    failed_calls: int = 0
    cache_hits: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    quantity: int = 0
    unit: str = "call"
    usd_per_unit: Decimal | None = None
    usd: Decimal | None = Decimal(0)
    grade: str = ""
    price_version: str = ""
    service: str = ""
    framework: str = ""
    operation: str = ""
    provider: str = ""
    model: str = ""
    user: str = ""
    session: str = ""
    tenant: str = ""
    feature: str = ""
    team: str = ""
    tags: Mapping[str, str]
