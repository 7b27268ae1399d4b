"""The roots of what a framework runs, by the number that others make of them.

LangSmith's OpenTelemetry mode writes its spans from a thread of its own, where no call is current, into a trace that it
names after LangChain's root run. Only so can they be told from spans of calls that nobody else counts.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

MOST_ROOTS: Final = 10_000
_roots: Final[dict[int, None]] = {}


def note_root(run_id: UUID) -> None:
    """Remember a run that has no parent and whose model calls are counted; the oldest of 10,000 is forgotten."""
    _roots[run_id.int] = None
    if len(_roots) > MOST_ROOTS:
        del _roots[next(iter(_roots))]


def is_root(trace_id: int) -> bool:
    """Whether a trace is named after such a run."""
    return trace_id in _roots
