"""What one ended call came to: the value that bills, metrics and counters add up."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from spanmeter.pricing import Usage

NO_USAGE: Final = Usage()


@dataclass(slots=True, unsafe_hash=True)  # not frozen: making one would take three times as long
class Receipt:
    """One ended LLM, embedding or rerank call, counted before sampling and before any queue.

    `model` is what answered, the requested one where the provider names none; `calls` are provider requests that
    were answered, `usage_contradictions` those whose usage did not add up; `cost_usd` is None when the price is not
    known. Durations are in seconds; `error_type` is empty unless the call failed; `sampled` tells whether its span goes
    to the sidecar.
    """

    framework: str
    operation: str
    provider: str
    model: str
    request_model: str
    duration_s: float
    calls: int = 0
    failed_calls: int = 0
    cache_hits: int = 0
    usage: Usage = NO_USAGE
    cost_usd: Decimal | None = None
    time_to_first_chunk_s: float | None = None
    error_type: str = ""
    usage_contradictions: int = 0
    sampled: bool = True
