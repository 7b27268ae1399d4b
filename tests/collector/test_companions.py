"""Spans in different traces that tell of one call are charged once, in whatever order they come."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanmeter.pricing import PriceBook
from spanmeter_collector.companions import Companion, companions
from spanmeter_collector.cost import OPTIONS as COST_OPTIONS
from spanmeter_collector.cost import answer_cost
from spanmeter_collector.duplicates import OPTIONS, answer_duplicates
from spanmeter_collector.incoming import Received
from spanmeter_collector.posting import post
from spanmeter_collector.same_call import Found
from spanmeter_collector.selection import read_selection
from spanmeter_collector.sighting import Sighting
from spanmeter_collector.store import Store

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
START_NS = 1_795_352_400_000_000_000
OURS, CHAIN, CLIENT = "spanmeter", "openinference.instrumentation.langchain", "opentelemetry.instrumentation.openai.v1"


def seen(number: int, scope: str, *, ms: tuple[int, int] = (0, 100), **known: Any) -> Sighting:
    """A chat of 100 tokens in and 20 out, alone in its trace."""
    usual: dict[str, Any] = dict.fromkeys(Sighting._fields, "") | {"operation": "chat", "model": "m"}
    usage = {"input_tokens": 100, "cached_input_tokens": 0, "output_tokens": 20, "reasoning_tokens": 0}
    ids = {"trace_id": number.to_bytes(16), "span_id": number.to_bytes(8), "parent_span_id": bytes(8)}
    times = {"start": START_NS + ms[0] * 1_000_000, "end": START_NS + ms[1] * 1_000_000}
    return Sighting(**usual | usage | ids | times | {"scope": scope} | known)


def new(number: int, scope: str, **known: Any) -> Companion:
    return Companion(seen(number, scope, **known), frozenset({scope}))


def old(number: int, scope: str, *beside: str, **known: Any) -> Companion:
    return Companion(seen(number, scope, **known), frozenset({scope, *beside}), is_new=False)


INNER = (1, 99)
SILENT, SILENT_ONE = {"input_tokens": 0, "output_tokens": 0}, "opentelemetry.instrumentation.anthropic"
CASES: dict[str, tuple[list[Companion], dict[int, tuple[str, int]]]] = {
    "one inside the other": ([new(1, CHAIN), new(2, CLIENT, ms=INNER)], {1: ("same_interval", 2)}),
    "one came before": ([old(1, CHAIN), new(2, CLIENT, ms=INNER)], {1: ("same_interval", 2)}),
    "the inner came before": ([new(1, CHAIN), old(2, CLIENT, ms=INNER)], {1: ("same_interval", 2)}),
    "both were settled before": ([old(1, CHAIN), old(2, CLIENT, ms=INNER)], {}),
    "ours": (
        [new(1, OURS, ms=INNER), new(2, CHAIN), new(3, CLIENT)],
        {2: ("same_interval", 1), 3: ("same_interval", 1)},
    ),
    "one that knows of a cache": (
        [new(1, CHAIN, cached_input_tokens=64), new(2, CLIENT, ms=INNER)],
        {2: ("same_interval", 1)},
    ),
    "of one instrumentation": ([new(1, CHAIN), new(2, CHAIN, ms=INNER)], {}),
    "of an instrumentation that told of it already": ([old(1, CLIENT, CHAIN, ms=INNER), new(2, CHAIN)], {}),
    "other usage": ([new(1, CHAIN), new(2, CLIENT, ms=INNER, input_tokens=101)], {}),
    "other model": ([new(1, CHAIN), new(2, CLIENT, ms=INNER, model="n")], {}),
    "other service": ([new(1, CHAIN, service="a"), new(2, CLIENT, ms=INNER, service="b")], {}),
    "other process": ([new(1, CHAIN, instance="a"), new(2, CLIENT, ms=INNER, instance="b")], {}),
    "a process that only one names": (
        [new(1, CHAIN, instance="a"), new(2, CLIENT, ms=INNER)],
        {1: ("same_interval", 2)},
    ),
    "no usage": ([new(1, CHAIN, input_tokens=0, output_tokens=0), new(2, CLIENT, input_tokens=0, output_tokens=0)], {}),
    "one that says no usage": (
        [new(1, CHAIN, ms=(0, 6), **SILENT), new(2, CLIENT, ms=(2, 100))],
        {1: ("same_interval", 2)},
    ),
    "one that says no usage, around": ([new(1, CHAIN, **SILENT), new(2, CLIENT, ms=INNER)], {1: ("same_interval", 2)}),
    "one that says no usage and came before": (
        [old(1, CHAIN, ms=(0, 6), **SILENT), new(2, CLIENT, ms=(2, 100))],
        {1: ("same_interval", 2)},
    ),
    "one that says no usage beside two that do": (
        [new(1, CHAIN, ms=(-9, 120)), new(2, CLIENT, ms=INNER), new(3, SILENT_ONE, ms=(0, 6), **SILENT)],
        {1: ("same_interval", 2), 3: ("same_interval", 2)},
    ),
    "two that say no usage beside one that does": (
        [new(1, CHAIN, ms=(0, 6), **SILENT), new(2, CLIENT), new(3, CHAIN, ms=(1, 6), **SILENT)],
        {1: ("same_interval", 2)},
    ),
    "one that says no usage, of an instrumentation that told of the call so already": (
        [new(1, CHAIN, ms=(0, 6), **SILENT), old(2, CLIENT)._replace(silent=frozenset({CHAIN}))],
        {},
    ),
    "one that says no usage beside two that do, of an instrumentation that told of one so already": (
        [
            new(1, CHAIN, ms=(-9, 120)),
            new(2, CLIENT, ms=INNER)._replace(silent=frozenset({SILENT_ONE})),
            new(3, SILENT_ONE, ms=(0, 6), **SILENT),
        ],
        {1: ("same_interval", 2)},
    ),
    "one that says no usage and failed": ([new(1, CHAIN, status="error", **SILENT), new(2, CLIENT, ms=INNER)], {}),
    "one of ours that says no usage": ([new(1, OURS, **SILENT), new(2, CLIENT, ms=INNER)], {}),
    "one that says no usage, of another model": ([new(1, CHAIN, model="n", **SILENT), new(2, CLIENT, ms=INNER)], {}),
    "one that says no usage, of another process": (
        [new(1, CHAIN, instance="a", **SILENT), new(2, CLIENT, ms=INNER, instance="b")],
        {},
    ),
    "one that says no usage and ended before": ([new(1, CHAIN, ms=(0, 1), **SILENT), new(2, CLIENT, ms=(2, 100))], {}),
    "one that says no usage and began before": (
        [new(1, CHAIN, ms=(0, 200), **SILENT), new(2, CLIENT, ms=(21, 99))],
        {},
    ),
    "partly beside": ([new(1, CHAIN), new(2, CLIENT, ms=(50, 150))], {}),
    "partly beside with one response id": (
        [new(1, CHAIN, response_id="r"), new(2, CLIENT, ms=(50, 150), response_id="r")],
        {2: ("same_response_id", 1)},
    ),
    "a stream whose output one added up": (
        [new(1, CHAIN, output_tokens=21, response_id="r"), new(2, CLIENT, ms=INNER, response_id="r")],
        {1: ("same_response_id", 2)},
    ),
    "a stream that came before, whose output one added up": (
        [old(1, CHAIN, output_tokens=21, response_id="r"), new(2, CLIENT, ms=INNER, response_id="r")],
        {1: ("same_response_id", 2)},
    ),
    "a stream of ours whose output another added up": (
        [new(1, CHAIN, ms=INNER, output_tokens=21, response_id="r"), new(2, OURS, response_id="r")],
        {1: ("same_response_id", 2)},
    ),
    "two streams side by side of equal input, of which one added up the output": (
        [
            new(1, CHAIN, output_tokens=21, response_id="r"),
            new(2, CLIENT, ms=INNER, response_id="r"),
            new(3, CHAIN, output_tokens=22, response_id="s"),
            new(4, CLIENT, ms=INNER, output_tokens=21, response_id="s"),
        ],
        {1: ("same_response_id", 2), 3: ("same_response_id", 4)},
    ),
    "other output": ([new(1, CHAIN, output_tokens=21), new(2, CLIENT, ms=INNER)], {}),
    "other output and a response id that one names": (
        [new(1, CHAIN, output_tokens=21, response_id="r"), new(2, CLIENT, ms=INNER)],
        {},
    ),
    "other output and two response ids": (
        [new(1, CHAIN, output_tokens=21, response_id="r"), new(2, CLIENT, ms=INNER, response_id="s")],
        {},
    ),
    "one response id, other output and not inside": (
        [new(1, CHAIN, output_tokens=21, response_id="r"), new(2, CLIENT, ms=(50, 150), response_id="r")],
        {},
    ),
    "one response id, other input and output": (
        [
            new(1, CHAIN, input_tokens=101, output_tokens=21, response_id="r"),
            new(2, CLIENT, ms=INNER, response_id="r"),
        ],
        {},
    ),
    "one response id, other model and output": (
        [new(1, CHAIN, model="n", output_tokens=21, response_id="r"), new(2, CLIENT, ms=INNER, response_id="r")],
        {},
    ),
    "an id that a server gives to every answer": (
        [
            new(1, CHAIN, output_tokens=21, response_id="r"),
            new(2, CLIENT, ms=INNER, response_id="r"),
            new(3, CLIENT, ms=(2, 98), output_tokens=21, response_id="r"),
        ],
        {1: ("same_response_id", 3)},
    ),
    "two response ids": ([new(1, CHAIN, response_id="r"), new(2, CLIENT, ms=INNER, response_id="s")], {}),
    "in one trace, where the other rules have spoken": (
        [new(1, CHAIN), new(2, CLIENT, ms=INNER, trace_id=(1).to_bytes(16))],
        {},
    ),
    "two calls side by side": (
        [new(1, CHAIN), new(2, CHAIN, ms=(0, 110)), new(3, CLIENT, ms=INNER), new(4, CLIENT, ms=(2, 108))],
        {1: ("same_interval", 3), 2: ("same_interval", 4)},
    ),
}


@pytest.mark.parametrize(("calls", "expected"), CASES.values(), ids=CASES)
def test_rule(calls: list[Companion], expected: dict[int, tuple[str, int]]) -> None:
    finds = {
        (number.to_bytes(16), number.to_bytes(8)): Found(reason, counted.to_bytes(8))
        for number, (reason, counted) in expected.items()
    }

    assert [companions(order) for order in (calls, calls[::-1])] == [finds, finds]


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


Take = Callable[[Sequence[tuple[int, str]]], None]


@pytest.fixture
def take(
    store: Store,
    book: PriceBook,
    span: Callable[..., Span],
    request_of: Callable[..., ExportTraceServiceRequest],
    call_attributes: dict[str, Any],
) -> Take:
    """Post one batch of calls, each by its number and instrumentation and in a trace of its own."""
    tokens = itertools.count()

    def post_all(calls: Sequence[tuple[int, str]]) -> None:
        received = []
        for number, scope in calls:
            inside = {"start_time_unix_nano": START_NS + number, "end_time_unix_nano": START_NS + 10**8 - number}
            one = span(number, trace_id=number.to_bytes(16), attributes=call_attributes, **inside)
            request = request_of(one)
            request.resource_spans[0].scope_spans[0].scope.name = scope
            received.append(Received.of(request, 1))
        token = next(tokens)
        store.write(post(received, store=store, book=book, recorded_at=token), token=str(token))

    return post_all


def billed(store: Store) -> tuple[int, str | None, list[tuple[int, str, int]]]:
    """The calls, the cost, and of each span that is not counted the number, the reason and the counted number."""
    total = answer_cost(store, read_selection([], COST_OPTIONS, now=NOW)).total
    rows = answer_duplicates(store, read_selection([], OPTIONS, now=NOW)).rows
    left_out = [(int(row.span_id, 16), row.reason, int(row.counted_span_id, 16)) for row in rows]
    return total.calls, total.cost_usd, sorted(row for row in left_out if row[1] != "same_span")


THREE = [(1, CHAIN), (2, "opentelemetry.instrumentation.langchain"), (3, CLIENT)]
ONCE = (1, "0.000195", [(1, "same_interval", 3), (2, "same_interval", 3)])


@pytest.mark.parametrize("order", list(itertools.permutations(THREE)))
def test_three_traces_that_tell_of_one_call_are_charged_once_in_any_order(
    store: Store, take: Take, order: Sequence[tuple[int, str]]
) -> None:
    for one in order:
        take([one])
        take([one])

    calls, cost, left_out = billed(store)
    assert (calls, cost, {number for number, *_ in left_out}) == (1, "0.000195", {1, 2})


def test_three_traces_in_one_batch_are_one_call(store: Store, take: Take) -> None:
    take(THREE)
    take(THREE)

    assert billed(store) == ONCE


def test_what_ours_counts_is_kept_when_others_tell_of_it_before_and_after(store: Store, take: Take) -> None:
    for one in ((5, CHAIN), (4, OURS), (6, CLIENT)):
        take([one])

    assert billed(store) == (1, "0.000195", [(5, "same_interval", 4), (6, "same_interval", 4)])


def test_calls_of_one_instrumentation_are_all_counted_where_another_tells_of_one(store: Store, take: Take) -> None:
    take([(1, CHAIN), (2, CHAIN), (3, CHAIN)])
    take([(4, CLIENT)])

    calls, _, left_out = billed(store)
    assert (calls, len(left_out)) == (3, 1)


Post = Callable[[Span, str], None]


@pytest.fixture
def post_span(store: Store, book: PriceBook, request_of: Callable[..., ExportTraceServiceRequest]) -> Post:
    """Post one span of an instrumentation."""
    tokens = itertools.count()

    def post_one(one: Span, scope: str) -> None:
        request, token = request_of(one), next(tokens)
        request.resource_spans[0].scope_spans[0].scope.name = scope
        batch = post([Received.of(request, 1)], store=store, book=book, recorded_at=token)
        store.write(batch, token=str(token))

    return post_one


def inside(since_ms: int, until_ms: int) -> dict[str, int]:
    at = {"start_time_unix_nano": since_ms, "end_time_unix_nano": until_ms}
    return {name: START_NS + ms * 1_000_000 for name, ms in at.items()}


SDK, ADDING, HALF = "com.anthropic.sdk.python", "opentelemetry.instrumentation.anthropic", "logfire.anthropic"


WRAPPED = [
    (order, status, failed)
    for order in ((1, 2), (2, 1))
    for status, failed in ((Status.STATUS_CODE_OK, 0), (Status.STATUS_CODE_ERROR, 1))
]


@pytest.mark.parametrize("wrapped", WRAPPED)
def test_a_stream_that_one_wraps_without_its_usage_is_one_call_and_a_failed_attempt_stays_one(
    store: Store,
    post_span: Post,
    span: Callable[..., Span],
    call_attributes: dict[str, Any],
    wrapped: tuple[Sequence[int], Status.StatusCode.ValueType, int],
) -> None:
    order, status, failed = wrapped
    asked = {key: said for key, said in call_attributes.items() if ".usage." not in key}
    silent = span(1, trace_id=(1).to_bytes(16), attributes=asked, **inside(0, 6))
    silent.status.code = status
    spans = {
        1: (silent, ADDING),
        2: (span(2, trace_id=(2).to_bytes(16), attributes=call_attributes, **inside(2, 99)), SDK),
    }

    for number in order:
        post_span(*spans[number])

    total = answer_cost(store, read_selection([], COST_OPTIONS, now=NOW)).total
    assert (total.calls, total.failed_calls, total.cost_usd, total.unpriced_calls) == (1, failed, "0.000195", 0)


@pytest.mark.parametrize("order", [(1, 2, 3), (2, 1, 3), (3, 1, 2)])
def test_of_two_streams_that_one_wraps_without_usage_one_stays_where_another_tells_of_one_with_it(
    store: Store,
    post_span: Post,
    span: Callable[..., Span],
    call_attributes: dict[str, Any],
    order: Sequence[int],
) -> None:
    asked = {key: said for key, said in call_attributes.items() if ".usage." not in key}
    spans = {
        1: (span(1, trace_id=(1).to_bytes(16), attributes=asked, **inside(0, 6)), ADDING),
        2: (span(2, trace_id=(2).to_bytes(16), attributes=call_attributes, **inside(2, 99)), SDK),
        3: (span(3, trace_id=(3).to_bytes(16), attributes=asked, **inside(3, 9)), ADDING),
    }

    for number in order:
        post_span(*spans[number])

    total = answer_cost(store, read_selection([], COST_OPTIONS, now=NOW)).total
    assert (total.calls, total.cost_usd, total.unpriced_calls) == (2, "0.000195", 1)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1)])
def test_a_stream_without_usage_is_no_call_of_which_its_instrumentation_told_in_that_trace(
    store: Store,
    post_span: Post,
    span: Callable[..., Span],
    call_attributes: dict[str, Any],
    order: Sequence[int],
) -> None:
    asked = {key: said for key, said in call_attributes.items() if ".usage." not in key}
    below = {"trace_id": (1).to_bytes(16), "parent_span_id": (1).to_bytes(8)}
    spans = {
        1: (span(1, trace_id=(1).to_bytes(16), attributes=call_attributes, **inside(0, 99)), CHAIN),
        2: (span(2, attributes=asked, **below, **inside(1, 6)), ADDING),
        3: (span(3, trace_id=(3).to_bytes(16), attributes=asked, **inside(3, 9)), ADDING),
    }

    for number in order:
        post_span(*spans[number])

    total = answer_cost(store, read_selection([], COST_OPTIONS, now=NOW)).total
    assert (total.calls, total.cost_usd, total.unpriced_calls) == (2, "0.000195", 1)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_stream_is_charged_as_its_client_counted_it_not_as_one_that_added_up_sums(
    store: Store,
    post_span: Post,
    span: Callable[..., Span],
    call_attributes: dict[str, Any],
    order: Sequence[int],
) -> None:
    told = call_attributes | {"gen_ai.response.id": "msg_1"}
    added = told | {"gen_ai.usage.output_tokens": 101}
    spans = {
        1: (span(1, trace_id=(1).to_bytes(16), attributes=added, **inside(0, 100)), ADDING),
        2: (span(2, trace_id=(2).to_bytes(16), attributes=told, **inside(1, 99)), SDK),
    }

    for number in order:
        post_span(*spans[number])

    assert billed(store) == (1, "0.000195", [(1, "same_response_id", 2)])


def test_streams_side_by_side_with_equal_input_and_other_output_are_two_calls(
    store: Store, post_span: Post, span: Callable[..., Span], call_attributes: dict[str, Any]
) -> None:
    other = call_attributes | {"gen_ai.response.id": "msg_1", "gen_ai.usage.output_tokens": 101}
    told = call_attributes | {"gen_ai.response.id": "msg_2"}

    post_span(span(1, trace_id=(1).to_bytes(16), attributes=other, **inside(0, 100)), ADDING)
    post_span(span(2, trace_id=(2).to_bytes(16), attributes=told, **inside(1, 99)), SDK)

    assert billed(store) == (2, "0.0003906", [])


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
def test_a_stream_that_one_tells_of_in_two_halves_in_two_traces_is_one_call(
    store: Store,
    post_span: Post,
    span: Callable[..., Span],
    call_attributes: dict[str, Any],
    order: Sequence[int],
) -> None:
    asked = {key: said for key, said in call_attributes.items() if ".usage." not in key}
    spans = {
        1: (span(1, trace_id=(1).to_bytes(16), attributes=asked, **inside(0, 5)), HALF),
        2: (
            span(
                2,
                parent_span_id=(1).to_bytes(8),
                trace_id=(1).to_bytes(16),
                attributes=call_attributes,
                **inside(1, 99),
            ),
            SDK,
        ),
        3: (span(3, trace_id=(3).to_bytes(16), attributes=call_attributes, **inside(101, 101)), HALF),
    }

    for number in order:
        post_span(*spans[number])

    assert billed(store) == (1, "0.000195", [(1, "has_model_descendant", 2), (3, "same_interval", 2)])
