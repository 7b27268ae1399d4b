"""The shapes of the API's answers.

Money is a decimal string without exponent, unknown is null, times are RFC 3339 in UTC, durations are seconds.
Rows that come by the thousand are dictionaries, which take a tenth of the time.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict


class Answer(BaseModel):
    """A value that is written once."""

    model_config = ConfigDict(frozen=True)


class Refusal(Answer):
    """Why a request was refused: what, which value, what is allowed."""

    error: str


class Readiness(Answer):
    """Whether the sidecar takes and answers requests, and what stands in the way, by check."""

    ready: bool
    checks: dict[str, str]


class ComponentHealth(Answer):
    """How a part of the sidecar stands; `reason` is empty where it is well or off."""

    status: Literal["ok", "off", "degraded", "failed"]
    reason: str


class Health(Answer):
    """The worst of the components: failed where only a restart helps, which is when this is answered with 503."""

    status: Literal["ok", "degraded", "failed"]
    components: dict[str, ComponentHealth]


class CostFigures(Answer):
    """Sums over the ledger. Input includes cached tokens, output includes reasoning tokens."""

    calls: int
    failed_calls: int
    cache_hits: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_usd: str | None
    unpriced_calls: int


class CostRow(TypedDict):
    """The figures of one group; the asked dimensions stand beside them, "" where a call lacks one."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    calls: int
    failed_calls: int
    cache_hits: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_usd: str | None
    unpriced_calls: int


class UnpricedModel(Answer):
    """A model of which no price is known, and what it was used for."""

    provider: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int


class CostAnswer(Answer):
    """Rows by the asked dimensions and the total over all of them, also over those that `limit` left out.

    `unpriced` lists up to 100 models without a known price, those with the most tokens first.
    """

    rows: list[CostRow]
    total: CostFigures
    priced_share: float
    unpriced: list[UnpricedModel]
    since: str
    until: str
    truncated: bool


class RepriceFigures(Answer):
    """What calls cost before and after; null where no amount is known. The difference is that of the ledger's sum."""

    calls: int
    changed_calls: int
    old_usd: str | None
    new_usd: str | None
    difference_usd: str
    newly_priced: int
    newly_unpriced: int


class RepriceRow(RepriceFigures):
    """The figures of one model."""

    provider: str
    model: str


class RepriceAnswer(Answer):
    """What other prices change, by model and in total, and whether that was written to the ledger.

    Calls whose spans are not stored any more keep their price and are in no other figure.
    """

    rows: list[RepriceRow]
    total: RepriceFigures
    calls_without_span: int
    price_version: str
    written: bool
    since: str
    until: str


class RepriceProgress(Answer):
    """How far the repricing under way has come: the share of its period from 0 to 1; null while there is none."""

    share: float | None


class LatencyFigures(Answer):
    """How long spans took; null where there was nothing to measure."""

    count: int
    errors: int
    mean_s: float | None
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    max_s: float | None
    time_to_first_chunk_p50_s: float | None
    time_to_first_chunk_p95_s: float | None
    output_tokens_per_s: float | None


class LatencyRow(TypedDict):
    """The figures of one group; the asked dimensions stand beside them."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    count: int
    errors: int
    mean_s: float | None
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    max_s: float | None
    time_to_first_chunk_p50_s: float | None
    time_to_first_chunk_p95_s: float | None
    output_tokens_per_s: float | None


class LatencyAnswer(Answer):
    """Rows by the asked dimensions and the total over all of them, also over those that `limit` left out."""

    rows: list[LatencyRow]
    total: LatencyFigures
    since: str
    until: str
    truncated: bool


class DuplicateAnswer(Answer):
    """A span that was not counted, for `counted_span_id` tells of the same call; that is empty where it is not known.

    `usd` is what it would have been charged, null where that is unknown.
    """

    trace_id: str
    span_id: str
    counted_span_id: str
    reason: str
    time: str
    service: str
    scope: str
    name: str
    operation: str
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    usd: str | None


class DuplicateFigures(Answer):
    """How many spans were not counted, and what they would have added to the bill."""

    calls: int
    input_tokens: int
    output_tokens: int
    usd: str


class DuplicatesAnswer(Answer):
    """The latest spans that were not counted, and the sums over all of them by reason."""

    rows: list[DuplicateAnswer]
    by_reason: dict[str, DuplicateFigures]
    total: DuplicateFigures
    since: str
    until: str
    truncated: bool


class TraceSummary(Answer):
    """One trace: its root's name, how long all of it took, and what its calls cost."""

    trace_id: str
    name: str
    service: str
    start: str
    duration_s: float
    spans: int
    errors: int
    calls: int
    failed_calls: int
    cache_hits: int
    input_tokens: int
    output_tokens: int
    cost_usd: str | None
    unpriced_calls: int
    frameworks: list[str]
    models: list[str]
    user: str
    session: str
    tenant: str
    feature: str


class TracesAnswer(Answer):
    """One page of traces and how many there are in all."""

    traces: list[TraceSummary]
    total: int
    since: str
    until: str
