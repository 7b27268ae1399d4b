"""Sketches are read only for the hours in which spans were added, and what is answered is what the store has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector.batch import Batch
from spanmeter_collector.hours import rows_by_hour
from spanmeter_collector.lately import Lately
from spanmeter_collector.latency import OPTIONS, answer_latency
from spanmeter_collector.row import read_span
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store
from spanmeter_collector.times import Period, write_time

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR_NS = 3_600_000_000_000
QUESTION = {"group_by": "operation,hour", "since": "2026-11-21T08:00:00Z", "until": "2026-11-21T12:00:00Z"}


def selected(**query: str) -> Any:
    return read_selection((QUESTION | query).items(), OPTIONS, now=NOW)


def times(hour: int, took: int) -> dict[str, int]:
    began = round(datetime(2026, 11, 21, 8, tzinfo=UTC).timestamp()) * 1_000_000_000 + hour * HOUR_NS
    return {"start_time_unix_nano": began, "end_time_unix_nano": began + took * 1_000_000_000}


def write(store: Store, spans: Sequence[Span], token: str) -> None:
    store.write(Batch([read_span({}, "spanmeter", one, received_at=1)[0] for one in spans]), token=token)


@pytest.mark.parametrize(
    ("counts", "asked"),
    [
        pytest.param([3, 2, 5], [], id="nothing was added"),
        pytest.param([3, 2, 6], ["2026-11-21T11:00:00Z 2026-11-21T12:00:00Z"], id="to one hour"),
        pytest.param([4, 2, 6], ["2026-11-21T08:00:00Z 2026-11-21T12:00:00Z"], id="to the first and the last"),
    ],
)
def test_hours_are_asked_for_in_which_spans_were_added(counts: list[int], asked: list[str]) -> None:
    lately, periods = Lately(), list[str]()
    began = [datetime(2026, 11, 21, hour, tzinfo=UTC) for hour in (8, 9, 11)]

    def listed(counts: list[int]) -> dict[str, list[Any]]:
        return {"dim_0": ["chat"] * 3, "dim_1": began, "count": counts}

    def answered(counts: list[int]) -> list[Any]:
        def ask(period: Period) -> list[Any]:
            periods.append(f"{write_time(period.since)} {write_time(period.until)}")
            cells = zip(began, counts, strict=True)
            return [
                {"operation": "chat", "hour": write_time(hour), "count": count}
                for hour, count in cells
                if period.since <= hour < period.until
            ]

        return list(rows_by_hour(listed(counts), selected(), lately, ask))

    answered([3, 2, 5])
    assert periods == ["2026-11-21T08:00:00Z 2026-11-21T12:00:00Z"]
    rows = answered(counts)

    assert periods[1:] == asked
    assert [row["count"] for row in rows] == counts


@pytest.mark.parametrize("ends", [{}, {"since": "2026-11-21T07:30:00Z", "until": "2026-11-21T11:30:00Z"}])
def test_spans_that_come_late_are_in_the_next_answer(
    store: Store, span: Callable[..., Span], ends: dict[str, str]
) -> None:
    def figures(**query: str) -> list[tuple[Any, ...]]:
        rows = answer_latency(store, selected(**ends, **query)).rows
        return [(row["hour"], row["count"], row["p50_s"], row["max_s"]) for row in rows]  # type: ignore[typeddict-item]

    write(store, [span(number, **times(number % 4, number)) for number in range(1, 9)], "1")
    before = figures()
    write(store, [span(number, **times(1, 40 + number)) for number in range(9, 11)], "2")

    after = figures()

    assert after == figures(group_by="name,hour")  # no sketch tells names apart
    assert [row for row in after if row not in before] == [("2026-11-21T09:00:00Z", 4, 5.0, 50.0)]


def test_a_limit_leaves_out_the_same_as_without_sketches(store: Store, span: Callable[..., Span]) -> None:
    write(store, [span(number, **times(number % 4, number)) for number in range(1, 9)], "1")
    ragged = {"since": "2026-11-21T07:30:00Z", "until": "2026-11-21T11:30:00Z", "limit": "3"}

    answers = [answer_latency(store, selected(**ragged, group_by=f"{name},hour")) for name in ("operation", "name")]

    assert [[row["hour"] for row in answer.rows] for answer in answers] == [  # type: ignore[typeddict-item]
        [f"2026-11-21T{hour}:00:00Z" for hour in ("08", "09", "10")]
    ] * 2
    assert [answer.truncated for answer in answers] == [True, True]
