"""The engine's reading of a span is held to Python's: whichever reads it, one row is stored."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanmeter.pricing import PriceBook
from spanmeter_collector.batch import Batch
from spanmeter_collector.bundle import Bundle, bundles
from spanmeter_collector.reading import Reading
from spanmeter_collector.row import Row, read_span
from spanmeter_collector.staged import Kept
from spanmeter_collector.store import Store
from spanmeter_collector.vocabulary import COUNT_KEYS, OPERATION_KEYS, TEXT_KEYS

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]

SPANS: Final = 1500
START: Final = 1_795_352_400_000_000_007
SCOPES: Final = ("spanmeter.langchain", "openinference.instrumentation.llama_index", "langfuse-sdk", "logfire.x", "é")
PLAIN_KEYS: Final = [
    *(key for name in ("framework", "error_type", "user", "session", "tenant") for key in TEXT_KEYS[name]),
    *(
        "spanmeter.feature",
        "spanmeter.team",
        "spanmeter.outcome",
        "spanmeter.tag.x",
        "",
        "a",
        "b.c",
        "input.value",
        "gen_ai.prompt.0.content",
    ),
]
CALL_KEYS: Final = [
    *(key for name in ("model", "provider", "response_id", "region") for key in TEXT_KEYS[name]),
    *(key for keys in COUNT_KEYS.values() for key in keys),
    *("spanmeter.wrapper", "spanmeter.cache.hit", "spanmeter.calls", "spanmeter.usage.grade"),
    *("spanmeter.reported_cost.usd", "gen_ai.response.time_to_first_chunk", "spanmeter.inside_call"),
]
TELLING_KEYS: Final = ["langfuse.observation.metadata.ls_model_type", "spanmeter.usage.parts", "gen_ai.completion"]
OPERATIONS: Final = [
    *("chat", "LLM", "chain", "CHAIN", "Tool", "AGENT", '"CHAIN"', "span", "workflow", "?", "", "ai.toolCall", "É"),
    *("acompletion", "message"),
]
TEXTS: Final = [
    "",
    "u1",
    "12",
    "0.5",
    "estimated",
    "true",
    "cancelled",
    "interrupted",
    "nul\0in",
    "tab\t'quote\\",
    "日本語",
    "\U0001f600",
    "x" * 300,
]
NUMBERS: Final = [0, -1, 7, 2**63 - 1, -(2**63)]
FLOATS: Final = [0.0, -0.0, 0.5, 1.0, -2.0, 0.1 + 0.2, 1e-3, 9e-4, 1e15, 1e16, 123456789.125, 1e300, float("nan")]


@pytest.fixture
def by_python(store_url: str) -> Iterator[Store]:
    """A second empty store."""
    opened = Store.open(f"{store_url}_by_python")
    yield opened
    opened.close()


def stored(store: Store) -> list[tuple[Any, ...]]:
    """All that table `spans` holds, by span id."""
    columns = (f"toString({name})" if name == "start_time" else name for name in Row._fields)
    with store._reader() as client:
        found: list[tuple[Any, ...]] = client.query(
            f"SELECT {', '.join(columns)} FROM spans ORDER BY span_id"
        ).result_rows
        return found


def some_value(choose: random.Random) -> AnyValue:
    kind = choose.random()
    if kind < 0.7:
        return AnyValue(string_value=choose.choice(TEXTS))
    if kind < 0.8:
        return AnyValue(int_value=choose.choice(NUMBERS))
    if kind < 0.9:
        return AnyValue(double_value=choose.choice(FLOATS))
    return choose.choice(
        [AnyValue(bool_value=True), AnyValue(bool_value=False), AnyValue(), AnyValue(bytes_value=b"\xff")]
    )


def some_attributes(choose: random.Random) -> list[KeyValue]:
    known = [KeyValue(key=key, value=some_value(choose)) for key in choose.sample(PLAIN_KEYS, choose.randint(0, 8))]
    for key in choose.sample([*OPERATION_KEYS], choose.choice([0, 1, 1, 1, 1, 2])):
        said = AnyValue(string_value=choose.choice(OPERATIONS)) if choose.random() < 0.95 else AnyValue(int_value=1)
        known += [KeyValue(key=key, value=said)]
    if choose.random() < 0.4:
        known += [KeyValue(key=key, value=some_value(choose)) for key in choose.sample(CALL_KEYS, choose.randint(1, 6))]
    if choose.random() < 0.05:
        known += [KeyValue(key=choose.choice(TELLING_KEYS), value=some_value(choose))]
    if known and choose.random() < 0.05:
        known += [known[0]]
    choose.shuffle(known)
    return known


def some_span(choose: random.Random, number: int) -> Span:
    span = Span(
        trace_id=choose.randbytes(16),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=choose.choice([b"", b"\x01", choose.randbytes(8)]),
        name=choose.choice(TEXTS),
        kind=choose.choice([-1, 0, 1, 2, 3, 4, 5, 6]),  # type: ignore[arg-type]
        start_time_unix_nano=START + choose.randrange(10**12),
        end_time_unix_nano=choose.choice([0, START + 10**12, 2**64 - 1]),
        status=Status(code=choose.choice([0, 1, 2, 7]), message=choose.choice(TEXTS)),  # type: ignore[arg-type]
        attributes=some_attributes(choose),
    )
    if choose.random() < 0.03:
        span.events.add(name="exception", time_unix_nano=5)
    return span


def request(choose: random.Random) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    for scope in SCOPES:
        resource_spans = made.resource_spans.add()
        for key in choose.sample(["service.name", "service.instance.id", "host.name", "process.args"], 3):
            resource_spans.resource.attributes.add(key=key, value=some_value(choose))
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = scope
        first = 1 + SCOPES.index(scope) * (SPANS // len(SCOPES))
        scope_spans.spans.extend(some_span(choose, first + number) for number in range(SPANS // len(SCOPES)))
    return made


def read_by_python(opened: list[Bundle], *, content: bool) -> list[tuple[Row, Reading]]:
    spans = [(bundle, Span.FromString(span)) for bundle in opened for span in bundle.spans]
    return [
        read_span(one.resource, one.scope, span, received_at=one.received_at, content=content) for one, span in spans
    ]


def measured_of(row: Row, reading: Reading) -> tuple[Row, Reading]:
    """What Python knows of a span whose attributes the engine keeps."""
    return row._replace(attributes={}, resource={}, events="[]"), reading._replace(rest={})


@pytest.mark.parametrize(("seed", "content"), [(1, False), (2, True)])
def test_a_row_is_the_same_whoever_reads_the_span(store: Store, by_python: Store, seed: int, *, content: bool) -> None:
    opened = list(bundles(request(random.Random(seed)).SerializeToString(), received_at=START // 10**6))
    read = read_by_python(opened, content=content)
    rows = [row for row, _ in read]

    staged = store.stage(opened, PriceBook.load(), content=content)

    assert staged is not None
    assert [staged.key(number) for number in range(len(staged))] == [(row.trace_id, row.span_id) for row in rows]
    plain = [row for row, telling in zip(rows, staged.spans["telling"], strict=True) if not telling]
    assert len(plain) > SPANS / 8
    assert len(staged.measured) > SPANS / 16
    assert staged.measured == {number: measured_of(*read[number]) for number in staged.measured}
    ids = b"".join(row.trace_id + row.span_id for row in plain)
    measured = {number: row for number, (row, _) in staged.measured.items()}
    store.write(Batch(staged=Kept(ids, measured=measured)), token="1")
    by_python.write(Batch(rows=plain), token="1")
    for by_engine, expected in zip(stored(store), stored(by_python), strict=True):
        assert by_engine == expected
