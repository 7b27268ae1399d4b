"""The bytes say what the SDK's own encoder says, whatever a span holds."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from tests.instrumentation.side_by_side import PARENTS, Pair

from spanmeter import otlp
from spanmeter.light_span import LightSpan

TEXTS = ("", "a", "answer " * 30, "Grüße, 世界 🦜", "\x00\n", "x" * 127, "y" * 128, "z" * 20_000)
NUMBERS = (0, 1, -1, 127, 128, 300, 2**31, -(2**31), 2**63 - 1, -(2**63))
FLOATS = (0.0, -0.0, 0.1, 1e300, float("inf"), -1.5)
KINDS: tuple[Callable[[random.Random], Any], ...] = (
    lambda chance: chance.choice(TEXTS),
    lambda chance: chance.choice(NUMBERS),
    lambda chance: chance.choice(FLOATS),
    lambda chance: chance.random() < 0.5,
    lambda chance: tuple(chance.choices(TEXTS, k=chance.randrange(4))),
    lambda chance: tuple(chance.choices(NUMBERS, k=chance.randrange(4))),
    lambda _: (True, False),
    lambda chance: bytes(chance.randrange(200)),
    lambda _: {"inner": ["a", 1, {"deep": 2.5}], "none": None},
    lambda _: ["a", None],
)


def attributes(chance: random.Random) -> dict[str, Any]:
    names = ["".join(chance.choices(string.ascii_letters + "._ü", k=chance.randrange(1, 200))) for _ in range(6)]
    return {name: chance.choice(KINDS)(chance) for name in names[: chance.randrange(7)]}


def context(chance: random.Random, *, remote: bool) -> SpanContext:
    state = TraceState([("vendor", "a:b"), ("other", "c")]) if chance.random() < 0.3 else None
    return SpanContext(chance.getrandbits(128), chance.getrandbits(64), remote, TraceFlags(1), state)


def span(chance: random.Random, resource: Resource, scope: InstrumentationScope | None) -> ReadableSpan:
    few = chance.randrange(3)
    return ReadableSpan(
        chance.choice(TEXTS),
        context(chance, remote=False),
        context(chance, remote=chance.random() < 0.5) if chance.random() < 0.7 else None,
        resource,
        attributes(chance),
        [Event(chance.choice(TEXTS), attributes(chance), chance.getrandbits(60)) for _ in range(few)],
        [Link(context(chance, remote=chance.random() < 0.5), attributes(chance)) for _ in range(few)],
        chance.choice(list(SpanKind)),
        status=chance.choice([Status(), Status(StatusCode.OK), Status(StatusCode.ERROR, "it broke 💥")]),
        start_time=chance.getrandbits(60),
        end_time=chance.getrandbits(60),
        instrumentation_scope=scope,
    )


def same(spans: list[ReadableSpan]) -> bool:
    theirs = encode_spans(spans)
    return ExportTraceServiceRequest.FromString(otlp.encode(spans)) == theirs


@pytest.mark.parametrize("seed", range(30))
def test_random_spans_are_encoded_as_the_sdk_does(seed: int) -> None:
    chance = random.Random(seed)
    resources = [Resource({"service.name": "shop", "host": 1}), Resource(attributes(chance), "https://schema/2")]
    scopes = [None, InstrumentationScope("spanmeter", "1.0", "https://schema/1"), InstrumentationScope("app")]
    spans = [span(chance, chance.choice(resources), chance.choice(scopes)) for _ in range(20)]

    assert same(spans)


@pytest.mark.parametrize("parent", PARENTS)
def test_light_spans_are_encoded_as_the_sdk_does(parent: str) -> None:
    pair = Pair(taking=True)
    for seed in range(60):
        chance = random.Random(seed)
        light = pair.start(PARENTS[parent], {"of": "start", "count": seed**9, "words": ("a", "b")}, seed=seed)[1]
        for act in chance.sample(LIGHT_ACTS, chance.randrange(3)):
            act(light, attributes(chance))
        light.end(chance.getrandbits(60))

    assert same(pair.takers[1].spans)
    assert {type(taken) for taken in pair.takers[1].spans} == ({LightSpan} if "not sampled" not in parent else set())


LIGHT_ACTS: tuple[Callable[[Span, dict[str, Any]], object], ...] = (
    lambda light, given: light.set_attributes(given),
    lambda light, given: light.add_event("event", given, 5),
    lambda light, given: light.add_link(context(random.Random(1), remote=True), given),
    lambda light, _: light.set_status(StatusCode.ERROR, "it broke 💥"),
    lambda light, _: light.set_status(StatusCode.OK),
    lambda light, _: light.update_name("y" * 128),
)


@pytest.mark.parametrize("name", [["a", "list"], 1, True, 1.0, "1"], ids=str)
def test_an_odd_name_costs_no_span(name: Any) -> None:
    encoded = otlp.encode([ReadableSpan(name, context(random.Random(1), remote=False)) for _ in range(2)])

    found = ExportTraceServiceRequest.FromString(encoded).resource_spans
    assert {span.name for group in found for scope in group.scope_spans for span in scope.spans} == {str(name)}


def test_a_span_of_the_sdk_with_dropped_parts_says_so(caplog: pytest.LogCaptureFixture) -> None:
    limits = SpanLimits(max_span_attributes=1, max_events=1, max_links=1, max_event_attributes=1, max_link_attributes=1)
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    links = [Link(context(random.Random(1), remote=True), {"a": 1, "b": 2}) for _ in range(2)]
    made = provider.get_tracer("app", attributes={"of": "scope"}).start_span("a", links=links)
    made.set_attributes({"a": 1, "b": 2})
    made.add_event("one", {"a": 1, "b": 2})
    made.add_event("two", {"a": 1, "b": 2})
    made.end()
    caplog.clear()  # the SDK says that it drops

    assert isinstance(made, ReadableSpan)
    assert same([made])
    counts = MessageToDict(ExportTraceServiceRequest.FromString(otlp.encode([made])))
    (encoded,) = counts["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert {name: encoded[name] for name in encoded if name.startswith("dropped")} == {
        "droppedAttributesCount": 1,
        "droppedEventsCount": 1,
        "droppedLinksCount": 1,
    }


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("a\ud800b", {"stringValue": "a?b"}),
        (2**63, None),
        (-(2**63) - 1, None),
        (object(), None),
        (Colour.RED, {"stringValue": "red"}),
        (Level.HIGH, {"intValue": "3"}),
        ([1, object()], {"arrayValue": {"values": [{"intValue": "1"}, {}]}}),
    ],
    ids=["surrogate", "large", "small", "object", "text enum", "number enum", "array"],
)
def test_an_odd_value_costs_no_span(value: Any, encoded: dict[str, Any] | None) -> None:
    odd = ReadableSpan("a", context(random.Random(1), remote=False), attributes={"odd": value, "even": True})

    (found,) = ExportTraceServiceRequest.FromString(otlp.encode([odd])).resource_spans[0].scope_spans[0].spans
    pairs = {pair.key: MessageToDict(pair.value) for pair in found.attributes}
    assert pairs == ({} if encoded is None else {"odd": encoded}) | {"even": {"boolValue": True}}


def test_equal_values_of_other_types_are_not_mixed_up() -> None:
    values = (1, True, 1.0, "1", b"1", 0, False, 0.0, "", b"")
    ids, shop = context(random.Random(1), remote=False), Resource({"service.name": "shop"})
    spans = [ReadableSpan("a", ids, resource=shop, attributes={"k": value}) for value in values]

    assert same(spans)


def test_no_spans_are_an_empty_body() -> None:
    assert otlp.encode([]) == b""


def test_what_is_kept_of_attributes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "_MAX_KEPT", 10)
    many = {f"key {number}": f"text {number}" for number in range(100)}
    spans = [ReadableSpan("a", context(random.Random(1), remote=False), attributes=many)]

    assert same(spans)
    assert len(otlp._keys) <= 10
    assert len(otlp._texts) <= 10


@pytest.mark.parametrize(("given", "sent"), [({}, "here"), ({"service.instance.id": "pod-7"}, "pod-7")])
def test_a_resource_that_does_not_say_which_process_it_is_is_completed(given: dict[str, str], sent: str) -> None:
    resource = Resource({"service.name": "shop"} | given)
    body = otlp.encode([ReadableSpan("a", resource=resource)], instance_id="here")

    (encoded,) = ExportTraceServiceRequest.FromString(body).resource_spans
    pairs = {pair.key: pair.value.string_value for pair in encoded.resource.attributes}
    assert pairs == {"service.name": "shop", "service.instance.id": sent}
    assert dict(resource.attributes) == {"service.name": "shop"} | given
