"""A counter: what an application process says it has counted itself, before sampling and before any queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """One row of table `counters`: a cumulative value of one process; times are nanoseconds since 1970."""

    time: int
    start_time: int
    service: str
    instance: str
    name: str
    attributes: Mapping[str, str]
    value: float
