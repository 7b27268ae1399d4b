"""How long spans took, asked of a real store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector.batch import Batch
from spanmeter_collector.latency import OPTIONS, answer_latency
from spanmeter_collector.otlp import LAST_NANOSECOND
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.row import read_span
from spanmeter_collector.selection import SPANS, read_selection
from spanmeter_collector.store import Store

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def ask(store: Store, **query: str) -> dict[str, object]:
    return answer_latency(store, read_selection(query.items(), OPTIONS, now=NOW)).model_dump()


def test_the_whole_answer_by_operation(known: Store) -> None:
    def took(seconds: float) -> dict[str, float]:
        return dict.fromkeys(("mean_s", "p50_s", "p95_s", "p99_s", "max_s"), seconds)

    no_stream = {"time_to_first_chunk_p50_s": None, "time_to_first_chunk_p95_s": None}
    assert ask(known, group_by="operation,name", service="shop-rag") == {
        "rows": [
            {"operation": "chain", "name": "rag.answer", "count": 1, "errors": 0, "output_tokens_per_s": None}
            | took(2.0)
            | no_stream,
            {"operation": "chat", "name": "chat gpt-4o-mini", "count": 1, "errors": 0, "output_tokens_per_s": 40.0}
            | took(1.25)
            | {"time_to_first_chunk_p50_s": 0.25, "time_to_first_chunk_p95_s": 0.25},
            {"operation": "embeddings", "name": "embeddings e-small", "count": 1, "errors": 0}
            | took(0.1)
            | no_stream
            | {"output_tokens_per_s": None},
            {"operation": "retrieval", "name": "retrieve", "count": 1, "errors": 0, "output_tokens_per_s": None}
            | took(0.3)
            | no_stream,
        ],
        "total": {
            "count": 4,
            "errors": 0,
            "mean_s": 0.9125,
            "p50_s": pytest.approx(0.3, abs=0.5),
            "p95_s": 2.0,
            "p99_s": 2.0,
            "max_s": 2.0,
            "time_to_first_chunk_p50_s": 0.25,
            "time_to_first_chunk_p95_s": 0.25,
            "output_tokens_per_s": 40.0,
        },
        "since": "2026-11-21T12:00:00Z",
        "until": "2026-11-22T12:00:00Z",
        "truncated": False,
    }


def test_spans_that_never_ended_add_up(store: Store, span: Callable[..., Span]) -> None:
    sent = [span(number, end_time_unix_nano=LAST_NANOSECOND) for number in range(1, 17)]
    store.write(Batch([read_span({}, "spanmeter", one, received_at=1)[0] for one in sent]), token="1")

    total = ask(store, since="1d", until="2026-11-23T00:00:00Z")["total"]

    assert isinstance(total, dict)
    assert total["mean_s"] == pytest.approx(total["max_s"])


def test_an_empty_period_has_no_durations(known: Store) -> None:
    answer = ask(known, since="1m")
    assert answer["rows"] == []
    assert answer["total"] == {
        "count": 0,
        "errors": 0,
        "mean_s": None,
        "p50_s": None,
        "p95_s": None,
        "p99_s": None,
        "max_s": None,
        "time_to_first_chunk_p50_s": None,
        "time_to_first_chunk_p95_s": None,
        "output_tokens_per_s": None,
    }


@pytest.mark.parametrize("dimension", [*SPANS.names, "tag.branch", "attribute.any", "resource.any"])
def test_every_dimension_counts_every_span_but_wrappers(known: Store, dimension: str) -> None:
    answer = answer_latency(known, read_selection([("group_by", dimension)], OPTIONS, now=NOW))
    assert (sum(row["count"] for row in answer.rows), answer.total.count) == (8, 8)
    assert sum(row["errors"] for row in answer.rows) == answer.total.errors == 1


def test_the_ledgers_own_dimensions_are_no_dimensions_of_spans(known: Store) -> None:
    with pytest.raises(
        QuestionError,
        match=r"^unknown dimension 'grade'; allowed: minute, .* tag\.<key>, attribute.<key> and resource.<key>$",
    ):
        ask(known, group_by="grade")
