"""A row: one span as the store keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of table `spans`; every field is a column of that name.

    `start_time` counts nanoseconds and `received_at` milliseconds since 1970 in UTC; ids are raw bytes.
    """

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    start_time: int
    duration_ns: int
    received_at: int
    name: str
    kind: str
    status: str
    status_message: str
    error_type: str
    service: str
    instance: str
    scope: str
    framework: str
    operation: str
    provider: str
    request_model: str
    model: str
    response_id: str
    user: str
    session: str
    tenant: str
    feature: str
    team: str
    wrapper: bool
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    first_chunk_ns: int
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    events: str
