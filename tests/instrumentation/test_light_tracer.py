"""Spans start as the SDK starts them, light or not; what the tracer cannot know it leaves to the SDK."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import INVALID_SPAN, NoOpTracer, Span, SpanKind, Tracer, TraceState
from tests.instrumentation.side_by_side import PARENTS, Pair

from spanmeter import semconv
from spanmeter.light_span import LightSpan
from spanmeter.light_tracer import LightTracer, lightened


class Adding(Sampler):
    """Adds an attribute and a state, and records some spans without sampling them."""

    def should_sample(self, parent_context: Any, trace_id: int, name: str, *rest: Any, **more: Any) -> SamplingResult:  # noqa: ARG002
        decision = Decision.RECORD_ONLY if trace_id % 2 else Decision.RECORD_AND_SAMPLE
        return SamplingResult(decision, {"sampler": ["said"]}, TraceState([("sampler", "1")]))

    def get_description(self) -> str:
        return "Adding"


SAMPLERS: dict[str, Sampler] = {
    "default": DEFAULT_ON,
    "always on": ALWAYS_ON,
    "always off": ALWAYS_OFF,
    "off below none": DEFAULT_OFF,
    "a third": TraceIdRatioBased(1 / 3),
    "a third of roots": ParentBasedTraceIdRatio(1 / 3),
    "none of the sampled": ParentBased(ALWAYS_ON, local_parent_sampled=ALWAYS_OFF, remote_parent_sampled=Adding()),
    "adding": Adding(),
    "adding to roots": ParentBased(Adding()),
}
LIGHT = (
    {("default", parent) for parent in ("no parent", "sampled", "remote", "random", "further flags")}
    | {("always on", parent) for parent in ("no parent", "sampled", "remote", "random", "further flags")}
    | {
        (sampler, parent)
        for sampler in ("off below none", "a third of roots", "adding to roots")
        for parent in ("sampled", "remote", "random", "further flags")
    }
)
"""Where nothing is left to decide."""


@pytest.mark.parametrize("parent", PARENTS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_span_starts_as_the_sdk_starts_it(sampler: str, parent: str) -> None:
    pair = Pair(sampler=SAMPLERS[sampler])
    light = set()
    for seed in range(20):
        theirs, ours = pair.start(PARENTS[parent], {"a": 1, "b": ("x",)}, seed=seed)
        assert ours.get_span_context() == theirs.get_span_context()
        assert tuple(ours.get_span_context()) == tuple(theirs.get_span_context())
        assert ours.is_recording() == theirs.is_recording()
        light.add(type(ours) is LightSpan)
        theirs.end()
        ours.end()

    told = pair.exported()

    assert told[0] == told[1]
    assert light == {(sampler, parent) in LIGHT}


@pytest.mark.usefixtures("quiet_sdk")
@pytest.mark.parametrize(
    ("attributes", "light"),
    [
        pytest.param({}, True, id="none"),
        pytest.param({"a": "x", "b": 1, "c": 0.5, "d": True, "e": ("x", "y")}, True, id="clean"),
        pytest.param({"a": 1, "b": ["x"]}, False, id="a list"),
        pytest.param({"a": 1, "b": (1, "x")}, False, id="mixed"),
        pytest.param({"a": 1, "b": None}, False, id="no value"),
        pytest.param({str(number): number for number in range(129)}, False, id="too many"),
    ],
)
def test_attributes_are_those_the_sdk_keeps(attributes: dict[str, Any], *, light: bool) -> None:
    pair = Pair()
    theirs, ours = pair.start(INVALID_SPAN, attributes)
    theirs.end()
    ours.end()

    told = pair.exported()

    assert told[0] == told[1]
    assert (type(ours) is LightSpan) == light


class Listening(SpanProcessor):
    """Notes what it is told of."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_start(self, span: sdk.Span, parent_context: Context | None = None) -> None:
        assert isinstance(span, sdk.Span)
        span.set_attribute("started", trace.get_current_span(parent_context).get_span_context().span_id)
        self.heard.append("start")

    def _on_ending(self, span: sdk.Span) -> None:  # noqa: ARG002
        self.heard.append("ending")

    def on_end(self, span: sdk.ReadableSpan) -> None:
        assert not isinstance(span, sdk.Span)
        self.heard.append("end")


@pytest.mark.usefixtures("quiet_sdk")
def test_other_processors_hear_what_the_sdk_tells_them() -> None:
    listening = Listening()
    pair = Pair(processors=(listening,))
    for span in pair.start(PARENTS["remote"], {"a": 1}):
        span.end()

    told = pair.exported()

    assert told[0] == told[1]
    ending = ["ending"] * hasattr(SpanProcessor, "_on_ending")
    assert listening.heard == ["start", "start", *(*ending, "end") * 2]
    assert pair.exporters[1].get_finished_spans()[0].attributes["started"] == 7  # type: ignore[index]


def test_a_processor_added_later_hears_of_spans_that_are_open() -> None:
    pair, listening = Pair(taking=True), Listening()
    _, ours = pair.start(INVALID_SPAN, {})
    pair.providers[1].add_span_processor(listening)

    ours.end()
    pair.start(INVALID_SPAN, {})[1].end()

    assert [word for word in listening.heard if word != "ending"] == ["end", "start", "end"]
    assert len(pair.takers[1].spans) == 2


@pytest.mark.skipif(not hasattr(SpanProcessor, "_on_ending"), reason="this SDK does not tell when a span is ending")
def test_a_processor_that_listens_only_while_a_span_is_ending_hears_of_it() -> None:
    heard: list[bool] = []

    class Ending(SpanProcessor):
        def _on_ending(self, span: sdk.Span) -> None:
            heard.append(isinstance(span, sdk.Span))

    Pair(processors=(Ending(),), taking=True).start(INVALID_SPAN, {})[1].end()

    assert heard == [True]


class Counting(IdGenerator):
    """Numbers spans; identities are not random, and the first one is none."""

    def __init__(self) -> None:
        self.last = -1

    def generate_span_id(self) -> int:
        self.last += 1
        return self.last

    generate_trace_id = generate_span_id


def test_identities_are_the_providers() -> None:
    told = []
    for light in (False, True):
        tracer = TracerProvider(shutdown_on_exit=False, id_generator=Counting()).get_tracer("scope")
        start = below(lightened(tracer)) if light else tracer.start_span
        told.append([tuple(start("name").get_span_context()) for _ in range(3)])

    assert told[1] == told[0]


def below(tracer: Tracer) -> Callable[[str], Span]:
    assert isinstance(tracer, LightTracer)
    return lambda name: tracer.start_below(INVALID_SPAN, name, kind=SpanKind.INTERNAL, attributes={})


def test_what_is_changed_in_the_sdks_tracer_holds_for_the_next_span() -> None:
    pair = Pair()
    pair.ours.sdk.sampler = ALWAYS_OFF
    assert not pair.start(INVALID_SPAN, {})[1].is_recording()

    pair.ours.sdk.sampler = DEFAULT_ON
    pair.ours.sdk.resource = Resource({"host": "after a fork"})
    _, ours = pair.start(INVALID_SPAN, {})

    assert isinstance(ours, LightSpan)
    assert ours.resource.attributes == {"host": "after a fork"}


def test_a_tracer_the_sdk_switched_off_records_nothing() -> None:
    pair = Pair()
    pair.ours._is_enabled = lambda: False
    assert type(pair.start(INVALID_SPAN, {})[1]) is not LightSpan


def _limited() -> Tracer:
    return TracerProvider(shutdown_on_exit=False, span_limits=SpanLimits(max_span_attribute_length=9)).get_tracer("a")


def _concurrent() -> Tracer:
    provider = TracerProvider(shutdown_on_exit=False, active_span_processor=ConcurrentMultiSpanProcessor())
    return provider.get_tracer("a")


class Own(sdk.Tracer):
    """Somebody's own tracer."""


def _own() -> Tracer:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("a")
    tracer.__class__ = Own
    return tracer


@pytest.mark.parametrize("make", [_limited, _own, NoOpTracer], ids=["long values are cut", "another class", "no-op"])
def test_a_tracer_that_may_do_more_is_left_as_it_is(make: Callable[[], Tracer]) -> None:
    tracer = make()

    assert lightened(tracer) is tracer


def test_processors_that_run_at_once_are_the_sdks_to_call() -> None:
    span = below(lightened(_concurrent()))("name")

    assert type(span) is not LightSpan


class Names(SpanProcessor):
    """A provider's only processor, without the SDK's own around it."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def on_end(self, span: sdk.ReadableSpan) -> None:
        self.ended.append(span.name)


def test_a_processor_of_the_providers_own_hears_of_spans_that_are_written_at_once() -> None:
    heard: Any = Names()
    tracer = lightened(TracerProvider(shutdown_on_exit=False, active_span_processor=heard).get_tracer("a"))
    assert type(tracer) is LightTracer
    tracer.write_below(INVALID_SPAN, "name", attributes={}, at_ns=1)

    assert heard.ended == ["name"]


def test_a_provider_that_is_switched_off_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer(semconv.SCOPE)

    assert lightened(tracer) is tracer
    assert not tracer.start_span("name").is_recording()


def test_spans_the_sdk_counts_are_its_own_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("scope")
    if not hasattr(tracer, "_tracer_metrics"):
        pytest.skip("this SDK does not count spans")

    assert lightened(tracer) is tracer


def test_an_sdk_that_changed_starts_its_spans_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("scope")
    end = sdk.Span.end
    monkeypatch.setattr(sdk.Span, "end", lambda span, end_time=None: random.random() and end(span, end_time))

    assert lightened(tracer) is tracer


def test_who_asks_it_for_a_span_gets_one_of_the_sdks() -> None:
    tracer = lightened(TracerProvider(shutdown_on_exit=False, id_generator=RandomIdGenerator()).get_tracer("scope"))
    with tracer.start_as_current_span("outer") as outer:
        inner = tracer.start_span("inner")

    assert isinstance(tracer, LightTracer)
    assert {type(outer), type(inner)} == {sdk._Span}
    assert inner.parent == outer.get_span_context()  # type: ignore[attr-defined]
