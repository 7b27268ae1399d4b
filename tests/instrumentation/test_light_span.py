"""A light span is the SDK's span to everybody who writes on it or reads it."""

from __future__ import annotations

import copy
import json
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import propagate, trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.trace import INVALID_SPAN, Span, SpanContext, Status, StatusCode, TraceFlags
from tests.instrumentation.side_by_side import PARENTS, STATE, Pair

from spanmeter.light_span import LightSpan

Act = Callable[[Span], object]
ERROR = ValueError("it broke")
LINKED = SpanContext(3, 4, is_remote=True, trace_flags=TraceFlags(1), trace_state=STATE)


class Word(str):
    """Text that is not quite text."""

    __slots__ = ()


class Odd:
    """What the SDK has to spell."""

    def __str__(self) -> str:
        return "odd"


USUAL = ("a", "b" * 300, 7, 0.5, True, ("x", "y"))
VALUES: tuple[Any, ...] = (*USUAL, ["x"], (1, "x"), {"inner": 1}, None, Word("w"), b"b", Odd())
KEYS: tuple[Any, ...] = (*"abcd", "", Word("k"), 7)


def some(chance: random.Random) -> dict[Any, Any]:
    return {chance.choice(KEYS): chance.choice(VALUES) for _ in range(chance.randrange(6))}


def usual(chance: random.Random) -> dict[str, Any]:
    return {chance.choice("abcdefghij"): chance.choice(USUAL) for _ in range(chance.randrange(6))}


def doing(method: str, *given: Any) -> Act:
    return lambda span: getattr(span, method)(*given)


def failing(span: Span) -> None:
    try:
        with span:
            raise ValueError("it broke")  # noqa: TRY301  a new one, for it grows each time it is raised
    except ValueError:
        pass


ACTS: tuple[Callable[[random.Random], Act], ...] = (
    lambda chance: doing("set_attributes", some(chance)),
    lambda chance: doing("set_attributes", usual(chance)),
    lambda chance: doing("set_attribute", chance.choice(KEYS), chance.choice(VALUES)),
    lambda chance: doing("set_attribute", chance.choice("abc"), chance.choice(USUAL)),
    lambda chance: doing("add_event", "event", usual(chance)),
    lambda chance: doing("add_link", LINKED, usual(chance)),
    lambda _: doing("add_link", trace.INVALID_SPAN_CONTEXT),
    lambda chance: doing("record_exception", ERROR, usual(chance), None, chance.random() < 0.5),
    lambda chance: doing("set_status", chance.choice(list(StatusCode)), "why"),
    lambda _: doing("set_status", Status(StatusCode.ERROR, "why")),
    lambda _: doing("update_name", "other"),
    lambda _: lambda span: getattr(span, "attributes", None),
    lambda chance: failing if chance.random() < 0.1 else doing("is_recording"),
)
LIMITS = {
    "usual": SpanLimits(),
    "few": SpanLimits(max_span_attributes=4, max_events=1, max_links=1, max_event_attributes=1, max_link_attributes=1),
    "none": SpanLimits(max_span_attributes=0, max_events=0, max_links=0),
    "short in events": SpanLimits(max_attribute_length=2, max_span_attribute_length=SpanLimits.UNSET),
    "unset": SpanLimits(max_attributes=-1, max_span_attributes=-1, max_events=-1, max_links=-1),
}


@pytest.mark.usefixtures("quiet_sdk")
@pytest.mark.parametrize("taking", [False, True], ids=["exporter", "taker"])
@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_whatever_is_done_to_it_receivers_see_what_they_see_of_the_sdks(limits: SpanLimits, *, taking: bool) -> None:
    pair, light = Pair(limits=limits, taking=taking), 0
    for seed in range(250):
        chance = random.Random(seed)
        parent = chance.choice(list(PARENTS.values()))
        theirs, ours = pair.start(parent, usual(chance), seed=seed)
        light += type(ours) is LightSpan
        for act in [chance.choice(ACTS)(chance) for _ in range(chance.randrange(8))]:
            act(theirs)
            act(ours)
        theirs.end()
        ours.end()

    told = pair.exported()

    assert told[0] == told[1]
    assert light > 10


def test_it_is_a_span_of_the_sdks_that_is_read_like_one() -> None:
    theirs, ours = Pair().start(PARENTS["remote"], {"a": 1})
    assert isinstance(theirs, SdkSpan)
    assert isinstance(ours, LightSpan)
    assert isinstance(ours, SdkSpan)
    for span in (theirs, ours):
        span.set_attributes({"b": ("x",)})
        span.add_event("event", {"c": 1}, 5)
        span.set_status(StatusCode.ERROR, "why")
        span._start_time = 1
        span.end(9)

    assert json.loads(ours.to_json()) == json.loads(theirs.to_json())
    assert all(hasattr(ours, name) for name in vars(theirs))
    assert (ours.context, ours.parent, ours.kind, ours.end_time, ours.is_recording()) == (
        theirs.context,
        theirs.parent,
        theirs.kind,
        9,
        False,
    )
    assert ours.instrumentation_scope == theirs.instrumentation_scope
    assert ours.resource == theirs.resource


@pytest.mark.parametrize("act", [doing("set_attribute", "late", 1), doing("set_attributes", {"late": 1}), doing("end")])
def test_once_ended_it_refuses_what_comes_with_the_sdks_words(act: Act, caplog: pytest.LogCaptureFixture) -> None:
    pair = Pair(taking=True)
    said = []
    for span in pair.start(INVALID_SPAN, {}):
        span.end()
        caplog.clear()
        act(span)
        said.append([record.getMessage() for record in caplog.records])
    caplog.clear()

    assert said[1] == said[0] != []
    assert [len(taker.spans) for taker in pair.takers] == [1, 1]
    assert dict(pair.takers[1].spans[0].attributes or {}) == {}


def test_what_reads_an_open_span_sees_what_is_written_later() -> None:
    span = started()
    span.set_attribute("a", 1)
    seen = span.attributes

    span.set_attributes({"b": 2})
    span.write({"c": ("x",)})

    assert dict(seen) == {"a": 1, "b": 2, "c": ("x",)}


def test_attributes_put_in_place_of_its_own_are_those_it_has() -> None:
    span = started()
    span.set_attribute("secret", "s")

    span._attributes = BoundedAttributes(immutable=False, attributes={"hidden": True})
    span.set_attribute("more", 1)
    span.end()

    assert dict(span.attributes) == {"hidden": True, "more": 1}


def test_writing_while_writing_is_no_deadlock() -> None:
    span = started()

    class Writing(list[str]):
        def __iter__(self) -> Iterator[str]:
            span.set_attribute("inner", 1)
            return super().__iter__()

    thread = threading.Thread(target=lambda: span.set_attribute("outer", Writing(["x"])), daemon=True)
    thread.start()
    thread.join(10)

    assert not thread.is_alive()
    assert dict(span.attributes) == {"inner": 1, "outer": ("x",)}


def test_threads_that_write_at_once_lose_nothing() -> None:
    span = started(SpanLimits(max_span_attributes=-1))
    ready = threading.Barrier(8)

    def work(name: int) -> None:
        ready.wait()
        for number in range(200):
            span.set_attribute(f"{name}.{number}", number)
            if number % 50 == 0:
                span.add_event("event")
                dict(span.attributes)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(span.attributes), len(span.events), span.dropped_attributes) == (1600, 32, 0)


def test_it_is_propagated_like_any_current_span() -> None:
    told: list[dict[str, str]] = []
    for span in Pair().start(PARENTS["remote"], {}):
        carrier: dict[str, str] = {}
        with trace.use_span(span):
            propagate.inject(carrier)
        told.append(carrier)

    assert told[1] == told[0]
    assert told[1]["tracestate"] == "vendor=a:b"


def test_a_copy_is_as_good() -> None:
    span = started()
    span.set_attribute("a", 1)
    span.end()

    assert dict(copy.copy(span).attributes) == {"a": 1}


def test_the_sdks_readable_span_goes_to_who_takes_no_light_spans() -> None:
    pair = Pair()
    pair.start(INVALID_SPAN, {})[1].end()

    assert [type(span) for span in pair.exporters[1].get_finished_spans()] == [ReadableSpan]


def started(limits: SpanLimits | None = None) -> LightSpan:
    span = Pair(limits=limits or SpanLimits(), taking=True).start(INVALID_SPAN, {})[1]
    assert isinstance(span, LightSpan)
    return span
