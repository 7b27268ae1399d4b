"""What the sidecar's API answers, as values; money is Decimal, None is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

COUNTS = (
    "calls",
    "failed_calls",
    "cache_hits",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "unpriced_calls",
)


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over charges; `cost_usd` is None when every call in them is unpriced."""

    calls: int = 0
    failed_calls: int = 0
    cache_hits: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    unpriced_calls: int = 0
    cost_usd: Decimal | None = Decimal(0)

    @property
    def tokens(self) -> int:
        """Input (cached included) and output (reasoning included)."""
        return self.input_tokens + self.output_tokens

    @property
    def usd_per_priced_call(self) -> Decimal | None:
        """What a call with a known price cost on average; None when there is none."""
        priced = self.calls - self.unpriced_calls
        return self.cost_usd / priced if self.cost_usd is not None and priced else None

    @property
    def error_share(self) -> float | None:
        """Failed attempts of all attempts; None when there were none."""
        attempts = self.calls + self.failed_calls
        return self.failed_calls / attempts if attempts else None

    @property
    def priced_share(self) -> float:
        """Calls with a known price of all calls; 1 when there were none."""
        return 1 - self.unpriced_calls / self.calls if self.calls else 1.0

    @property
    def empty(self) -> bool:
        """Nothing was asked of a provider or a cache."""
        return not (self.calls or self.failed_calls or self.cache_hits)

    def __add__(self, other: Sums) -> Sums:
        counts = {name: getattr(self, name) + getattr(other, name) for name in COUNTS}
        if self.cost_usd is None or other.cost_usd is None:
            cost = _known(self, other)
        else:
            cost = self.cost_usd + other.cost_usd
        return Sums(**counts, cost_usd=cost)


@dataclass(frozen=True, slots=True)
class CostRow:
    """One group; `key` has one value for each dimension asked for."""

    key: tuple[str, ...]
    sums: Sums


@dataclass(frozen=True, slots=True)
class Unpriced:
    """A model without a known price, and what it was used for."""

    provider: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Cost:
    """The answer of `/api/v1/cost`."""

    rows: tuple[CostRow, ...]
    total: Sums
    priced_share: float
    unpriced: tuple[Unpriced, ...] = ()


@dataclass(frozen=True, slots=True)
class Losses:
    """What of `/api/v1/losses` counts: calls that applications told and that never arrived, and the services' names."""

    calls: int
    failed_calls: int
    usd: Decimal
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Latency:
    """Durations of one group of spans in seconds; None where no span has the figure."""

    key: tuple[str, ...]
    count: int
    errors: int
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    time_to_first_chunk_p50_s: float | None
    output_tokens_per_s: float | None


@dataclass(frozen=True, slots=True)
class LatencyTable:
    """The answer of `/api/v1/latency`."""

    rows: tuple[Latency, ...]
    total: Latency


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """One line of the list of traces."""

    trace_id: str
    name: str
    service: str
    start: datetime
    duration_s: float
    spans: int
    errors: int
    sums: Sums
    frameworks: tuple[str, ...]
    models: tuple[str, ...]
    user: str
    tenant: str


@dataclass(frozen=True, slots=True)
class TraceList:
    """One page of traces; `total` counts all that match."""

    traces: tuple[TraceSummary, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Charge:
    """A ledger entry of one step: a component, how much of it, at what price."""

    component: str
    quantity: int
    unit: str
    usd_per_unit: Decimal | None
    usd: Decimal | None
    grade: str
    price_version: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something a span noted while it ran, such as an exception."""

    name: str
    time: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a message: text, reasoning, tool_call, tool_call_response, media or other."""

    kind: str
    text: str
    name: str


@dataclass(frozen=True, slots=True)
class Message:
    """Who said what, and why they stopped."""

    role: str
    name: str
    finish_reason: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was found; `metadata` is JSON."""

    id: str
    score: float | None
    text: str
    metadata: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a step quotes; `tools` are names and descriptions of those that were offered."""

    input: tuple[Message, ...]
    output: tuple[Message, ...]
    tools: tuple[tuple[str, str], ...]
    arguments: str
    result: str
    query: str
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One span of a trace; times in seconds from the trace's start."""

    span_id: str
    parent_span_id: str
    name: str
    operation: str
    framework: str
    service: str
    provider: str
    model: str
    offset_s: float
    duration_s: float
    status: str
    error_type: str
    time_to_first_chunk_s: float | None
    sums: Sums
    grade: str
    wrapper: bool
    charges: tuple[Charge, ...]
    attributes: Mapping[str, Any]
    events: tuple[Event, ...]
    content: Content | None


@dataclass(frozen=True, slots=True)
class Trace:
    """The answer of `/api/v1/traces/{id}`, steps in the order they started.

    `stores_content` says whether the sidecar keeps what they quote.
    """

    trace_id: str
    name: str
    start: datetime
    duration_s: float
    total: Sums
    priced_share: float
    stores_content: bool
    steps: tuple[Step, ...]


def add(parts: Iterable[Sums]) -> Sums:
    """All of them together."""
    return sum(parts, start=Sums())


def _known(left: Sums, right: Sums) -> Decimal | None:
    known = [part.cost_usd for part in (left, right) if part.cost_usd is not None and not part.empty]
    return sum(known, Decimal(0)) if known else None
