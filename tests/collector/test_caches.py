"""Hits, misses and saved dollars are summed once a span, by any dimension."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client import CollectorRegistry

from spanmeter import semconv
from spanmeter.pricing import PriceBook
from spanmeter_collector.cache_request import CacheRequest
from spanmeter_collector.caches import OPTIONS, answer_caches
from spanmeter_collector.incoming import Received
from spanmeter_collector.metrics import Exposition
from spanmeter_collector.posting import post
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.recent import Unknown
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
START_NS = 1_795_352_400_000_000_000
CACHE: dict[str, Any] = {semconv.OPERATION: "cache", semconv.CACHE_NAME: "answers", semconv.TENANT: "acme"}
HIT = CACHE | {semconv.CACHE_RESULT: "hit", semconv.CACHE_SAVED_USD: "0.000253000000"}
MISS = CACHE | {semconv.CACHE_RESULT: "miss"}
UNPRICED = CACHE | {semconv.CACHE_RESULT: "hit", semconv.CACHE_UNPRICED_HITS: 1, semconv.TENANT: "globex"}
VECTORS = {
    semconv.OPERATION_NAME: "embeddings",
    semconv.CACHE_NAME: "vectors",
    semconv.CACHE_RESULT: "miss",
    semconv.CACHE_HITS: 2,
    semconv.CACHE_MISSES: 1,
    semconv.CACHE_SAVED_USD: "0.1",
}
Post = Callable[..., int]


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


@pytest.fixture
def put(store: Store, book: PriceBook, span: Any, request_of: Callable[..., ExportTraceServiceRequest]) -> Post:
    """Post spans by their numbers and attributes, as one batch, `times` over."""
    tokens = count()

    def put_all(spans: dict[int, dict[str, Any]], *, times: int = 1) -> int:
        made: list[Span] = [
            span(number, attributes=told, start_time_unix_nano=START_NS + number, end_time_unix_nano=START_NS + 10**9)
            for number, told in spans.items()
        ]
        for _ in range(times):
            batch = post([Received.of(request_of(*made), 1)], store=store, book=book, recorded_at=1)
            store.write(batch, token=str(next(tokens)))
        return len(batch.cache_requests)

    return put_all


def answer(store: Store, **query: str) -> dict[str, Any]:
    return answer_caches(store, read_selection(query.items(), OPTIONS, now=NOW)).model_dump()


def figures(hits: int, misses: int, share: float | None, unpriced: int, saved: str | None) -> dict[str, Any]:
    return {"hits": hits, "misses": misses, "hit_share": share, "unpriced_hits": unpriced, "saved_usd": saved}


def test_the_whole_answer(store: Store, put: Post) -> None:
    put({1: MISS, 2: HIT, 3: HIT, 4: UNPRICED, 5: VECTORS, 6: {semconv.OPERATION: "track"}})

    assert answer(store) == {
        "rows": [
            {"cache": "vectors", **figures(2, 1, 2 / 3, 0, "0.1")},
            {"cache": "answers", **figures(3, 1, 0.75, 1, "0.000506")},
        ],
        "total": figures(5, 2, 5 / 7, 1, "0.100506"),
        "since": "2026-11-21T14:00:00Z",
        "until": "2026-11-22T14:00:00Z",
        "truncated": False,
    }


def test_a_period_without_requests_saved_nothing(store: Store) -> None:
    assert (answer(store)["rows"], answer(store)["total"]) == ([], figures(0, 0, None, 0, "0"))


def test_what_no_hit_knows_is_not_known(store: Store, put: Post) -> None:
    put({1: UNPRICED})

    assert answer(store)["total"] == figures(1, 0, 1.0, 1, None)


def test_tenants_and_hours_have_their_own(store: Store, put: Post) -> None:
    put({1: HIT, 2: UNPRICED})

    rows = answer(store, group_by="hour,tenant", cache="answers")["rows"]
    assert [(row["hour"], row["tenant"], row["saved_usd"]) for row in rows] == [
        ("2026-11-22T13:00:00Z", "acme", "0.000253"),
        ("2026-11-22T13:00:00Z", "globex", None),
    ]
    assert answer(store, tenant="acme")["total"]["hits"] == 1


def test_a_span_that_comes_again_counts_once(store: Store, put: Post) -> None:
    assert put({1: HIT, 2: MISS}, times=2) == 0
    assert answer(store)["total"] == figures(1, 1, 0.5, 0, "0.000253")


def test_what_was_written_before_a_crash_counts_once(store: Store, put: Post) -> None:
    put({1: HIT})
    with store._reader() as engine:
        engine.command("TRUNCATE TABLE spans")  # as if killed after the first of the inserts
    store.recent = Unknown()

    assert put({1: HIT, 2: MISS}) == 2
    assert answer(store)["total"] == figures(1, 1, 0.5, 0, "0.000253")


def test_a_large_batch_is_read_as_a_small_one(store: Store, put: Post) -> None:
    others = {number: {semconv.OPERATION: "track"} for number in range(10, 610)}
    put({1: HIT, 2: MISS, **others})

    assert answer(store)["total"] == figures(1, 1, 0.5, 0, "0.000253")


SAID: list[dict[str, Any]] = [
    {},
    {semconv.CACHE_NAME: ""},
    {semconv.CACHE_NAME: "answers"},
    {semconv.CACHE_HIT: True},
    {semconv.CACHE_HIT: True, semconv.CACHE_NAME: "answers"},
    *(
        HIT | {semconv.CACHE_SAVED_USD: text}
        for text in ("", "0", "1e-3", "+5", "much", "-1", "9" * 12 + ".5", "9" * 13)
    ),
    *(HIT | {semconv.CACHE_SAVED_USD: text} for text in ("0.123456789012", "NaN", "00.5", ".5", "5.")),
    *(
        HIT | {semconv.CACHE_HITS: text}
        for text in ("", "0", "7", "007", "2147483648", "99999999999", "-1", "1.0", "²")
    ),
    *(HIT | {semconv.CACHE_HITS: 3, semconv.CACHE_MISSES: count} for count in (0, 2, -2, "")),
    *(HIT | {semconv.CACHE_HITS: 3, semconv.CACHE_UNPRICED_HITS: count} for count in (0, 2, 9, "many", "")),
    MISS,
    MISS | {semconv.CACHE_HITS: 3},
    UNPRICED | {"spanmeter.tag.plan": "gold", "spanmeter.tag.": "nothing", semconv.USER_ID: "u1", semconv.TEAM: "core"},
    CACHE | {semconv.CACHE_RESULT: ""},
    CACHE | {semconv.CACHE_RESULT: "stale", semconv.CACHE_SAVED_USD: "0.5"},
    VECTORS | {"gen_ai.request.model": "small", "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 7},
]


def told(store: Store, first: int) -> list[tuple[Any, ...]]:
    """What stands in the table of spans from a number on, without their ids and times."""
    columns = ", ".join(name for name in CacheRequest._fields if name not in ("time", "trace_id", "span_id"))
    asked = (
        f"SELECT {columns} FROM cache_requests FINAL WHERE time >= fromUnixTimestamp64Nano({START_NS + first}, 'UTC')"
    )
    with store._reader() as client:
        return sorted(client.query(asked).result_rows, key=repr)


def test_the_engine_reads_requests_as_python_does(store: Store, put: Post) -> None:
    put({1000 + number: said for number, said in enumerate(SAID * 20)})
    by_engine = told(store, 0)
    by_python = put({5000 + number: said for number, said in enumerate(SAID)})

    assert by_engine == sorted(told(store, 5000) * 20, key=repr)
    assert len(by_engine) == 20 * by_python


def test_python_reads_none_of_the_spans_of_hits(put: Post) -> None:
    assert put({number: (HIT, MISS, UNPRICED)[number % 3] for number in range(600)}) == 0


def test_a_dimension_that_is_none_is_refused(store: Store) -> None:
    with pytest.raises(QuestionError, match="unknown dimension 'grade'; allowed: minute, hour, day, cache, service, "):
        answer(store, group_by="grade")


def test_prometheus_reads_the_same(store: Store, put: Post) -> None:
    put({1: MISS, 2: HIT, 3: HIT, 4: UNPRICED, 5: VECTORS, 6: {semconv.OPERATION: "track"}}, times=2)
    body, _ = Exposition(CollectorRegistry(), store).expose("")

    assert {line for line in body.decode().splitlines() if line.startswith("spanmeter_cache")} == {
        'spanmeter_cache_requests_total{cache="answers",result="hit",service="shop-rag"} 3.0',
        'spanmeter_cache_requests_total{cache="answers",result="miss",service="shop-rag"} 1.0',
        'spanmeter_cache_requests_total{cache="vectors",result="hit",service="shop-rag"} 2.0',
        'spanmeter_cache_requests_total{cache="vectors",result="miss",service="shop-rag"} 1.0',
        'spanmeter_cache_saved_usd_total{cache="answers",service="shop-rag"} 0.000506',
        'spanmeter_cache_saved_usd_total{cache="vectors",service="shop-rag"} 0.1',
    }
