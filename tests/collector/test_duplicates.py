"""What was not counted is listed with its reason and what it would have cost; what later spans refute is withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter.pricing import PriceBook
from spanmeter_collector.cost import OPTIONS as COST_OPTIONS
from spanmeter_collector.cost import answer_cost
from spanmeter_collector.duplicates import OPTIONS, answer_duplicates
from spanmeter_collector.incoming import Received
from spanmeter_collector.posting import post
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
START_NS = 1_795_352_400_000_000_000
CALL = "0.000195"
Take = Callable[..., None]


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


@pytest.fixture
def take(
    store: Store,
    book: PriceBook,
    span: Callable[..., Span],
    request_of: Callable[..., ExportTraceServiceRequest],
    call_attributes: dict[str, Any],
) -> Take:
    """Post one batch with one span: number, parent, its instrumentation, its start and end in ms, more attributes."""
    tokens = count()

    def post_one(
        number: int, *, scope: str = "peer", parent: int = 0, ms: tuple[int, int] = (0, 100), **attributes: Any
    ) -> None:
        start, end = (START_NS + at * 1_000_000 for at in ms)
        times = {"start_time_unix_nano": start, "end_time_unix_nano": end}
        named = {key.replace("__", "."): said for key, said in attributes.items()}
        one = span(number, parent_span_id=parent.to_bytes(8), attributes=call_attributes | named, **times)
        request = request_of(one)
        request.resource_spans[0].scope_spans[0].scope.name = scope
        token = next(tokens)
        store.write(post([Received.of(request, 1)], store=store, book=book, recorded_at=token), token=str(token))

    return post_one


def audit(store: Store, **query: str) -> dict[str, Any]:
    return answer_duplicates(store, read_selection(query.items(), OPTIONS, now=NOW)).model_dump()


def listed(store: Store) -> list[tuple[int, str, int]]:
    """Of every span that is not counted its number, the reason and the number of the counted one."""
    rows = audit(store)["rows"]
    return sorted((int(row["span_id"], 16), row["reason"], int(row["counted_span_id"] or "0", 16)) for row in rows)


def billed(store: Store) -> tuple[int, str | None]:
    total = answer_cost(store, read_selection([], COST_OPTIONS, now=NOW)).total
    return total.calls, total.cost_usd


def test_the_whole_answer(store: Store, take: Take) -> None:
    take(1, ms=(1, 99))
    take(2, scope="spanmeter")

    figures = {"calls": 1, "input_tokens": 1000, "output_tokens": 100, "usd": CALL}
    assert audit(store) == {
        "rows": [
            {
                "trace_id": "0a" * 16,
                "span_id": f"{1:016x}",
                "counted_span_id": f"{2:016x}",
                "reason": "same_interval",
                "time": "2026-11-22T13:00:00.001000Z",
                "service": "shop-rag",
                "scope": "peer",
                "name": "chat gpt-4o-mini",
                "operation": "chat",
                "provider": "openai",
                "model": "gpt-4o-mini",
                "input_tokens": 1000,
                "output_tokens": 100,
                "usd": CALL,
            }
        ],
        "by_reason": {"same_interval": figures},
        "total": figures,
        "since": "2026-11-21T14:00:00Z",
        "until": "2026-11-22T14:00:00Z",
        "truncated": False,
    }
    assert billed(store) == (1, CALL)
    assert audit(store, reason="wrapper")["total"]["calls"] == 0


def test_each_reason_is_listed(store: Store, take: Take) -> None:
    take(1, scope="spanmeter")
    take(1, scope="spanmeter")
    take(2, parent=1, spanmeter__inside_call=True)
    take(3, scope="spanmeter", spanmeter__wrapper=True)
    take(4, ms=(1000, 1100))
    take(5, parent=4, ms=(1001, 1099))
    take(6, ms=(2000, 2100), gen_ai__response__id="r")
    take(7, ms=(2200, 2300), gen_ai__response__id="r")
    take(8, scope="other", ms=(2199, 2301))

    assert listed(store) == [
        (1, "same_span", 1),
        (2, "inside_call", 1),
        (3, "wrapper", 0),
        (4, "has_model_descendant", 5),
        (7, "same_response_id", 6),
    ]
    assert billed(store)[0] == 4


def test_a_charge_that_turns_out_to_be_told_twice_is_reversed_and_a_span_sent_again_changes_nothing(
    store: Store, take: Take
) -> None:
    take(1, ms=(0, 100))
    assert (billed(store), listed(store)) == ((1, CALL), [])
    take(2, scope="spanmeter", parent=1, ms=(1, 99))
    assert (billed(store), listed(store)) == ((1, CALL), [(1, "has_model_descendant", 2)])

    take(1, ms=(0, 100))
    take(2, scope="spanmeter", parent=1, ms=(1, 99))

    assert billed(store) == (1, CALL)
    entries = store.query("standing_charges", EVERYTHING)
    assert [entry["entry"] for entry in entries if entry["component"] == "call"].count("reversal") == 1


EVERYTHING = {"since": START_NS, "until": START_NS + 10**9, "trace_ids": ["0a" * 16]}


def test_a_span_taken_for_another_call_is_counted_after_all_when_its_own_comes(store: Store, take: Take) -> None:
    take(1, scope="a", ms=(0, 100))
    take(2, scope="b", ms=(12, 112))
    assert (billed(store)[0], listed(store)) == (1, [(2, "same_interval", 1)])

    take(3, scope="b", ms=(1, 101))
    take(4, scope="a", ms=(12, 113))

    assert (billed(store)[0], listed(store)) == (2, [(3, "same_interval", 1), (4, "same_interval", 2)])


def test_calls_side_by_side_of_one_instrumentation_are_all_counted(store: Store, take: Take) -> None:
    for number in (1, 2, 3):
        take(number)

    assert (billed(store)[0], listed(store)) == (3, [])
