"""What came in: the spans and counters of one batch of requests."""

from __future__ import annotations

from dataclasses import dataclass, field

from spanmeter_collector.counter import Counter
from spanmeter_collector.reading import Reading
from spanmeter_collector.row import Row, SpanKey


@dataclass(slots=True)
class Incoming:
    """The spans by their ids, those sent for the first time and those sent again, and the counters of processes."""

    spans: dict[SpanKey, tuple[Row, Reading]] = field(default_factory=dict)
    fresh: set[SpanKey] = field(default_factory=set)
    sent_again: set[SpanKey] = field(default_factory=set)
    counters: list[Counter] = field(default_factory=list)
    too_old: int = 0

    def period(self) -> tuple[int, int]:
        """From the first start to the last end."""
        rows = [row for row, _ in self.spans.values()]
        return min(row.start_time for row in rows), max(row.start_time + row.duration_ns for row in rows)
