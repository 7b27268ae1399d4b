"""The shape of the answer that is one trace."""

from __future__ import annotations

from spanmeter_collector.answers import Answer, CostFigures
from spanmeter_collector.content_answer import ContentAnswer


class ChargeAnswer(Answer):
    """What one component of a call cost."""

    component: str
    quantity: int
    unit: str
    usd_per_unit: str | None
    usd: str | None
    grade: str
    price_version: str


class EventAnswer(Answer):
    """Something that happened within a span."""

    name: str
    time: str
    attributes: dict[str, object]


class SpanAnswer(CostFigures):
    """One step of a trace. `status` is ok, error, cancelled or unset; an empty `parent_span_id` marks a root.

    `content` is what it quotes, None if nothing; the attributes it was read from are not among the others.
    """

    span_id: str
    parent_span_id: str
    name: str
    operation: str
    framework: str
    service: str
    scope: str
    provider: str
    model: str
    start: str
    offset_s: float
    duration_s: float
    status: str
    error_type: str
    time_to_first_chunk_s: float | None
    grade: str
    wrapper: bool
    charges: list[ChargeAnswer]
    attributes: dict[str, str]
    events: list[EventAnswer]
    content: ContentAnswer | None


class TraceAnswer(Answer):
    """One trace, its spans in the order they started; `stores_content`: whether this sidecar keeps what is quoted."""

    trace_id: str
    name: str
    start: str
    duration_s: float
    total: CostFigures
    priced_share: float
    stores_content: bool
    spans: list[SpanAnswer]
