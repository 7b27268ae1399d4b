"""What the sidecar's API answers, read once at the door into values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

_COUNTS = (
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
        counts = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
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
class Cost:
    """The answer of `/api/v1/cost`."""

    rows: tuple[CostRow, ...]
    total: Sums
    priced_share: float


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


@dataclass(frozen=True, slots=True)
class Trace:
    """The answer of `/api/v1/traces/{id}`, steps in the order they started."""

    trace_id: str
    name: str
    start: datetime
    duration_s: float
    total: Sums
    priced_share: float
    steps: tuple[Step, ...]


def cost(data: Mapping[str, Any], dimensions: Sequence[str]) -> Cost:
    """Read `/api/v1/cost`, asked for these dimensions."""
    rows = tuple(CostRow(_key(row, dimensions), sums(row)) for row in data["rows"])
    return Cost(rows, sums(data["total"]), data["priced_share"])


def latency(data: Mapping[str, Any], dimensions: Sequence[str]) -> LatencyTable:
    """Read `/api/v1/latency`, asked for these dimensions."""
    rows = tuple(_latency(row, _key(row, dimensions)) for row in data["rows"])
    return LatencyTable(rows, _latency(data["total"], ()))


def traces(data: Mapping[str, Any]) -> TraceList:
    """Read `/api/v1/traces`."""
    return TraceList(tuple(_summary(row) for row in data["traces"]), data["total"])


def trace(data: Mapping[str, Any]) -> Trace:
    """Read `/api/v1/traces/{id}`."""
    return Trace(
        trace_id=data["trace_id"],
        name=data["name"],
        start=datetime.fromisoformat(data["start"]),
        duration_s=data["duration_s"],
        total=sums(data["total"]),
        priced_share=data["priced_share"],
        steps=tuple(_step(span) for span in data["spans"]),
    )


def sums(row: Mapping[str, Any]) -> Sums:
    """Read the sums of a row; columns it lacks are zero."""
    return Sums(**{name: row.get(name, 0) for name in _COUNTS}, cost_usd=_amount(row["cost_usd"]))


def add(parts: Iterable[Sums]) -> Sums:
    """All of them together."""
    return sum(parts, start=Sums())


def _known(left: Sums, right: Sums) -> Decimal | None:
    known = [part.cost_usd for part in (left, right) if part.cost_usd is not None and not part.empty]
    return sum(known, Decimal(0)) if known else None


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _key(row: Mapping[str, Any], dimensions: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(row[dimension]) for dimension in dimensions)


def _latency(row: Mapping[str, Any], key: tuple[str, ...]) -> Latency:
    return Latency(
        key=key,
        count=row["count"],
        errors=row["errors"],
        p50_s=row["p50_s"],
        p95_s=row["p95_s"],
        p99_s=row["p99_s"],
        time_to_first_chunk_p50_s=row["time_to_first_chunk_p50_s"],
        output_tokens_per_s=row["output_tokens_per_s"],
    )


def _summary(row: Mapping[str, Any]) -> TraceSummary:
    return TraceSummary(
        trace_id=row["trace_id"],
        name=row["name"],
        service=row["service"],
        start=datetime.fromisoformat(row["start"]),
        duration_s=row["duration_s"],
        spans=row["spans"],
        errors=row["errors"],
        sums=sums(row),
        frameworks=tuple(row["frameworks"]),
        models=tuple(row["models"]),
        user=row["user"],
        tenant=row["tenant"],
    )


def _step(span: Mapping[str, Any]) -> Step:
    return Step(
        span_id=span["span_id"],
        parent_span_id=span["parent_span_id"],
        name=span["name"],
        operation=span["operation"],
        framework=span["framework"],
        service=span["service"],
        provider=span["provider"],
        model=span["model"],
        offset_s=span["offset_s"],
        duration_s=span["duration_s"],
        status=span["status"],
        error_type=span["error_type"],
        time_to_first_chunk_s=span["time_to_first_chunk_s"],
        sums=sums(span),
        grade=span["grade"],
        wrapper=span["wrapper"],
        charges=tuple(_charge(entry) for entry in span["charges"]),
        attributes=span["attributes"],
        events=tuple(Event(event["name"], event["time"], event["attributes"]) for event in span["events"]),
    )


def _charge(entry: Mapping[str, Any]) -> Charge:
    return Charge(
        component=entry["component"],
        quantity=entry["quantity"],
        unit=entry["unit"],
        usd_per_unit=_amount(entry["usd_per_unit"]),
        usd=_amount(entry["usd"]),
        grade=entry["grade"],
        price_version=entry["price_version"],
    )
