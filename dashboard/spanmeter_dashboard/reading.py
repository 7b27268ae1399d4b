"""From the JSON of the sidecar's API to values, once, at the door.

Raises KeyError, TypeError or ValueError where an answer is not what the API promises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from spanmeter_dashboard.answers import (
    COUNTS,
    Charge,
    Content,
    Cost,
    CostRow,
    Document,
    Event,
    Latency,
    LatencyTable,
    Losses,
    Message,
    Part,
    Step,
    Sums,
    Trace,
    TraceList,
    TraceSummary,
    Unpriced,
)


def cost(data: Mapping[str, Any], dimensions: Sequence[str]) -> Cost:
    """Read `/api/v1/cost`, asked for these dimensions."""
    rows = tuple(CostRow(_key(row, dimensions), sums(row)) for row in data["rows"])
    return Cost(rows, sums(data["total"]), data["priced_share"], tuple(map(_unpriced, data["unpriced"])))


def losses(data: Mapping[str, Any]) -> Losses:
    """Read `/api/v1/losses`."""
    missing = data["missing"]
    services = dict.fromkeys(row["service"] for row in data["rows"] if row["reason"] and row["service"])
    return Losses(missing["calls"], missing["failed_calls"], Decimal(missing["usd"]), tuple(services))


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
        stores_content=data["stores_content"],
        steps=tuple(_step(span) for span in data["spans"]),
    )


def sums(row: Mapping[str, Any]) -> Sums:
    """Read the sums of a row; columns it lacks are zero."""
    return Sums(**{name: row.get(name, 0) for name in COUNTS}, cost_usd=_amount(row["cost_usd"]))


def _unpriced(row: Mapping[str, Any]) -> Unpriced:
    return Unpriced(row["provider"], row["model"], row["calls"], row["input_tokens"], row["output_tokens"])


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
        content=None if span["content"] is None else _content(span["content"]),
    )


def _content(told: Mapping[str, Any]) -> Content:
    return Content(
        input=tuple(map(_message, told["input"])),
        output=tuple(map(_message, told["output"])),
        tools=tuple((tool["name"], tool["description"]) for tool in told["tools"]),
        arguments=told["arguments"],
        result=told["result"],
        query=told["query"],
        documents=tuple(Document(**document) for document in told["documents"]),
    )


def _message(told: Mapping[str, Any]) -> Message:
    parts = tuple(Part(part["kind"], part["text"], part["name"]) for part in told["parts"])
    return Message(told["role"], told["name"], told["finish_reason"], parts)


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
