"""What is current steps aside when it ends, and parents are the deepest that anybody knows."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import context, trace

from spanmeter.call import Calls, Opening
from spanmeter.current import parent_hints


@pytest.fixture
def calls(spans: Any) -> Calls:
    return Calls(tracer_provider=spans.tracer_provider)


@pytest.fixture(autouse=True)
def _nothing_left_current() -> Iterator[None]:
    yield
    assert not trace.get_current_span().get_span_context().is_valid


def opening(name: str, *, claims_children: bool = False) -> Opening:
    return Opening("chain", name, "langchain", claims_children=claims_children)


def test_a_call_ended_in_a_copied_context_is_current_nowhere(calls: Calls, spans: Any) -> None:
    with spans.tracer_provider.get_tracer("app").start_as_current_span("request") as request:
        call = calls.start(opening("a"))
        contextvars.copy_context().run(call.stop)
        assert trace.get_current_span().get_span_context() == request.get_span_context()


def test_what_the_application_writes_to_the_current_span_is_on_the_open_call(calls: Calls, spans: Any) -> None:
    call = calls.start(opening("a"))
    trace.get_current_span().set_attribute("app.key", 1)
    trace.get_current_span().add_event("noted")
    trace.get_current_span().end()
    call.stop()

    span = spans.one("a")
    assert span.attributes["app.key"] == 1
    assert [event.name for event in span.events] == ["noted"]


def test_what_the_application_reads_from_the_current_span_is_the_sdks(calls: Calls) -> None:
    call = calls.start(opening("a"))
    current: Any = trace.get_current_span()
    seen = (current.name, current.context == current.get_span_context(), hasattr(current, "no_such"))
    call.stop()

    assert seen == ("a", True, False)


def test_a_named_parent_wins_over_an_unrelated_current_span(calls: Calls, spans: Any) -> None:
    named = calls.open(opening("named"))
    other = calls.start(opening("other"))
    calls.start(opening("a"), parent=named).stop()
    other.stop()
    named.stop()

    assert spans.path_of("a") == ["a", "named"]


def test_a_named_parent_that_stepped_aside_is_still_the_parent(calls: Calls, spans: Any) -> None:
    named = calls.start(opening("named"))
    named.leave()
    calls.start(opening("a"), parent=named).stop()
    named.stop()

    assert spans.path_of("a") == ["a", "named"]


def test_a_current_span_below_the_named_parent_is_deeper(calls: Calls, spans: Any) -> None:
    named = calls.start(opening("named"))
    with spans.tracer_provider.get_tracer("app").start_as_current_span("mine"):
        calls.start(opening("a"), parent=named).stop()
    named.stop()

    assert spans.path_of("a") == ["a", "mine", "named"]


def test_a_hint_names_the_parent_where_the_framework_does_not(calls: Calls, spans: Any) -> None:
    hinted = calls.open(opening("hinted"))
    parent_hints.append(lambda: hinted)
    calls.start(opening("a")).stop()
    parent_hints.pop()
    hinted.stop()

    assert spans.path_of("a") == ["a", "hinted"]


def test_a_claiming_call_that_is_not_named_is_a_sibling(calls: Calls, spans: Any) -> None:
    first = calls.start(opening("first", claims_children=True))
    second = calls.start(opening("second", claims_children=True), skip_claiming=True)
    calls.start(opening("a"), parent=second, skip_claiming=True).stop()
    first.stop()
    second.stop()

    assert spans.path_of("a") == ["a", "second"]


def test_a_stream_in_its_consumers_hands_is_not_current(calls: Calls, spans: Any) -> None:
    stream = calls.start(opening("stream"))
    stream.leave()
    calls.start(opening("a")).stop()
    stream.stop()

    assert spans.path_of("a") == ["a"]


def test_a_stream_is_current_again_while_its_own_code_runs(calls: Calls, spans: Any) -> None:
    running = [True]
    stream = calls.start(opening("stream"))
    stream.leave(current_while=lambda: running[0])
    calls.start(opening("a")).stop()
    running[0] = False
    calls.start(opening("b")).stop()
    stream.stop()

    assert (spans.path_of("a"), spans.path_of("b")) == (["a", "stream"], ["b"])


def test_a_held_call_is_current_for_the_block_alone(calls: Calls, spans: Any) -> None:
    before = trace.get_current_span()
    held = calls.open(opening("held"))
    with held.held():
        calls.start(opening("a")).stop()
    assert trace.get_current_span() is before
    held.stop()

    assert spans.path_of("a") == ["a", "held"]


def test_nothing_accumulates_behind_many_ended_calls(calls: Calls) -> None:
    for _ in range(100):
        calls.start(opening("a")).stop()
    last = calls.start(opening("b"))
    last.stop()

    assert last.behind.span is trace.INVALID_SPAN


def test_a_call_inside_a_context_that_others_made_before_its_parent_began_is_below_its_parent(
    calls: Calls, spans: Any
) -> None:
    with spans.tracer_provider.get_tracer("peer").start_as_current_span("theirs"):
        theirs = context.get_current()
        outer = calls.start(Opening("chat", "outer", "llama_index"))
        token = context.attach(theirs)
        calls.start(Opening("chat", "inner", "langchain")).stop()
        context.detach(token)
        outer.stop()

    assert spans.path_of("inner") == ["inner", "theirs"]
    assert (outer.wrapper, spans.one("outer").attributes.get("spanmeter.wrapper")) == (True, True)


def test_a_call_whose_context_others_took_back_is_still_the_parent_of_what_starts_in_it(
    calls: Calls, spans: Any
) -> None:
    calls.start(opening("earlier")).stop()
    before = context.get_current()
    outer = calls.start(opening("outer"))
    token = context.attach(before)
    with spans.tracer_provider.get_tracer("peer").start_as_current_span("theirs"):
        calls.start(opening("inner")).stop()
    context.detach(token)
    outer.stop()

    assert spans.path_of("inner") == ["inner", "theirs", "outer"]
