"""One call told by several spans is charged once, whoever wrote them and in whatever order they come."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations, count, zip_longest
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from spanmeter.pricing import PriceBook
from spanmeter_collector import cost, duplicates, same_call
from spanmeter_collector.incoming import Received
from spanmeter_collector.posting import post
from spanmeter_collector.same_call import Found, same_calls
from spanmeter_collector.selection import Options, Selection, read_selection
from spanmeter_collector.sighting import Sighting
from spanmeter_collector.store import Store

START = datetime(2026, 11, 22, 13, tzinfo=UTC)
START_NS = 1_795_352_400_000_000_000
OURS, A, B = "spanmeter", "openinference.instrumentation.langchain", "opentelemetry.instrumentation.openai.v1"
RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.json"))


def seen(number: int, scope: str = A, *, ms: tuple[int, int] = (0, 100), parent: int = 0, **known: Any) -> Sighting:
    """A chat of 100 tokens in and 20 out; `ms` are its start and end."""
    usual: dict[str, Any] = dict.fromkeys(Sighting._fields, "") | {"operation": "chat", "model": "gpt-4o-mini"}
    usage = {"input_tokens": 100, "cached_input_tokens": 0, "output_tokens": 20, "reasoning_tokens": 0}
    ids = {"trace_id": bytes(16), "span_id": number.to_bytes(8), "parent_span_id": parent.to_bytes(8)}
    times = {"start": START_NS + ms[0] * 1_000_000, "end": START_NS + ms[1] * 1_000_000}
    return Sighting(**usual | usage | ids | times | {"scope": scope} | known)


NONE: dict[str, Any] = {"input_tokens": 0, "output_tokens": 0}
CACHED: dict[str, Any] = {"input_tokens": 36, "cached_input_tokens": 64}
CASES: dict[str, tuple[list[Sighting], dict[int, tuple[str, int]]]] = {
    "alone": ([seen(1)], {}),
    "above": ([seen(1), seen(2, B, parent=1)], {1: ("has_model_descendant", 2)}),
    "above by a step": (
        [seen(1), seen(2, A, parent=1, operation="chain"), seen(3, A, parent=2)],
        {1: ("has_model_descendant", 3)},
    ),
    "above two calls": (
        [seen(1, ms=(0, 300), input_tokens=200), seen(2, parent=1), seen(3, parent=1, ms=(200, 290))],
        {1: ("has_model_descendant", 2)},
    ),
    "above ours": ([seen(1, **NONE), seen(2, OURS, parent=1)], {1: ("has_model_descendant", 2)}),
    "above, and alone in knowing of a cache": (
        [seen(1, cached_input_tokens=64), seen(2, B, parent=1)],
        {2: ("inside_call", 1)},
    ),
    "above with a cache, and below it two calls": (
        [seen(1, input_tokens=200, cached_input_tokens=64), seen(2, parent=1), seen(3, parent=1, ms=(200, 290))],
        {1: ("has_model_descendant", 2)},
    ),
    "below ours": ([seen(1, OURS), seen(2, B, parent=1)], {2: ("inside_call", 1)}),
    "below and without usage": ([seen(1), seen(2, B, parent=1, **NONE)], {2: ("inside_call", 1)}),
    "three deep, none with usage": (
        [seen(1, **NONE), seen(2, parent=1, **NONE), seen(3, parent=2, **NONE)],
        {1: ("has_model_descendant", 3), 2: ("has_model_descendant", 3)},
    ),
    "embeddings in a chat are calls of their own": ([seen(1), seen(2, B, parent=1, operation="embeddings")], {}),
    "a chat in a rerank is the call": (
        [seen(1, operation="rerank", **NONE), seen(2, B, parent=1)],
        {1: ("has_model_descendant", 2)},
    ),
    "one response": (
        [seen(1, response_id="r"), seen(2, B, response_id="r", input_tokens=300)],
        {2: ("same_response_id", 1)},
    ),
    "one response, the innermost": (
        [seen(1, response_id="r"), seen(2, B, response_id="r", ms=(10, 90))],
        {1: ("same_response_id", 2)},
    ),
    "one response from a cache": (
        [seen(1, response_id="r"), seen(2, response_id="r", ms=(200, 201))],
        {2: ("same_response_id", 1)},
    ),
    "one response and ours": (
        [seen(1, response_id="r", ms=(10, 90)), seen(2, OURS, response_id="r")],
        {1: ("same_response_id", 2)},
    ),
    "an id that a server gives to every answer": (
        [seen(1, response_id="r"), seen(2, response_id="r", input_tokens=101, ms=(200, 300))],
        {},
    ),
    "our own are never one, whatever a server calls them": (
        [seen(1, OURS, response_id="r"), seen(2, OURS, response_id="r")],
        {},
    ),
    "one interval in another": ([seen(1), seen(2, B, ms=(10, 90))], {1: ("same_interval", 2)}),
    "one interval beside another by milliseconds": (
        [seen(1), seen(2, OURS, ms=(1, 119))],
        {1: ("same_interval", 2)},
    ),
    "intervals that only overlap": ([seen(1), seen(2, B, ms=(50, 150))], {}),
    "one interval of one instrumentation": ([seen(1), seen(2, ms=(10, 90))], {}),
    "other usage": ([seen(1), seen(2, B, output_tokens=21)], {}),
    "usage without the cached": ([seen(1, cached_input_tokens=64), seen(2, B, **CACHED)], {2: ("same_interval", 1)}),
    "usage that tells no cached": (
        [seen(1, cached_input_tokens=64), seen(2, B, input_tokens=36, ms=(1, 99))],
        {2: ("same_interval", 1)},
    ),
    "other model": ([seen(1), seen(2, B, model="gpt-4o")], {}),
    "the model asked for and that answered": (
        [seen(1, model="gpt-4o-mini-2024-07-18"), seen(2, B, ms=(1, 99), model="openai/gpt-4o-mini")],
        {1: ("same_interval", 2)},
    ),
    "more details": (
        [seen(1), seen(2, B, cached_input_tokens=10, response_id="r")],
        {1: ("same_interval", 2)},
    ),
    "equal calls side by side": (
        [seen(1), seen(2), seen(3, B, ms=(1, 98)), seen(4, B, ms=(2, 99))],
        {1: ("same_interval", 3), 2: ("same_interval", 4)},
    ),
    "marked": ([seen(1, OURS), seen(2, B, mark="inside_call"), seen(3, OURS, mark="wrapper")], {}),
    "its own parent": (
        [seen(1, parent=1), seen(2, parent=3, ms=(200, 300)), seen(3, parent=3, ms=(400, 500))],
        {
            3: ("has_model_descendant", 2),
        },
    ),
}


@pytest.mark.parametrize(("sightings", "expected"), CASES.values(), ids=CASES.keys())
def test_rule(sightings: list[Sighting], expected: dict[int, tuple[str, int]]) -> None:
    finds = {number.to_bytes(8): Found(reason, counted.to_bytes(8)) for number, (reason, counted) in expected.items()}

    shuffled = random.Random(1).sample(sightings, len(sightings))
    assert (same_calls(sightings), same_calls(shuffled), same_calls(sightings[::-1])) == (finds, finds, finds)


@dataclass
class Ledger:
    """A store into which spans come in batches, each application under a name of its own."""

    store: Store
    book: PriceBook
    names: Iterator[int] = field(default_factory=count)
    batches: Iterator[int] = field(default_factory=count)

    def take(self, applications: Mapping[str, Sequence[Sequence[dict[str, Any]]]]) -> None:
        """Post the first batch of each application at once, then the second ones, and each time once more."""
        for together in zip_longest(*applications.values(), fillvalue=()):
            told = [(name, one) for name, batch in zip(applications, together, strict=True) for one in batch]
            for repeated in (False, True):
                self.post([_request(name, one) for name, one in told], repeated=repeated)

    def post(self, requests: Sequence[ExportTraceServiceRequest], *, repeated: bool) -> None:
        received = [Received.of(request, 1, repeated=repeated) for request in requests]
        number = next(self.batches)
        self.store.write(post(received, store=self.store, book=self.book, recorded_at=number), token=str(number))

    def totals(self) -> dict[str, dict[str, Any]]:
        """What each application spent."""
        rows = cost.answer_cost(self.store, _selection(cost.OPTIONS, group_by="service")).model_dump()["rows"]
        figures = {"calls", "input_tokens", "output_tokens", "cost_usd", "unpriced_calls"}
        return {row["service"]: {name: row[name] for name in figures} for row in rows}

    def left_out(self) -> dict[str, set[tuple[str, str, str]]]:
        """Of each application the spans that were not counted, with the reason and the counted span."""
        answer = duplicates.answer_duplicates(self.store, _selection(duplicates.OPTIONS, limit="10000"))
        assert not answer.truncated
        found = defaultdict[str, set[tuple[str, str, str]]](set)
        for row in answer.rows:
            found[row.service].add((row.span_id, row.reason, row.counted_span_id))
        return found


def _selection(options: Options, **query: str) -> Selection:
    until = (START + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    return read_selection([("since", "24h"), ("until", until), *query.items()], options, now=START)


def _request(name: str, one: dict[str, Any]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value=name)))
    scope = resource.scope_spans.add()
    scope.scope.name = one["scope"]
    span = scope.spans.add(
        trace_id=name.encode().rjust(16, b"-"),
        span_id=bytes.fromhex(one["id"]),
        parent_span_id=bytes.fromhex(one["parent"]),
        name=one["name"],
        start_time_unix_nano=START_NS + one["start"],
        end_time_unix_nano=START_NS + one["end"],
    )
    span.attributes.extend(KeyValue(key=key, value=_value(said)) for key, said in one["attributes"].items())
    return request


def _value(said: Any) -> AnyValue:
    if isinstance(said, bool):
        return AnyValue(bool_value=said)
    return AnyValue(int_value=said) if isinstance(said, int) else AnyValue(string_value=str(said))


@pytest.fixture(scope="module")
def ledger(engine_path: Path) -> Iterator[Ledger]:
    store = Store.open(f"chdb://{engine_path}?database=same_call")
    yield Ledger(store, PriceBook.load())
    store.close()


@pytest.mark.parametrize("recorded", RECORDED, ids=[path.stem for path in RECORDED])
def test_what_real_instrumentations_told_is_charged_as_the_provider_answered_in_any_order(
    ledger: Ledger, recorded: Path
) -> None:
    chance = random.Random(3)
    scenarios = json.loads(recorded.read_text(encoding="utf-8"))["scenarios"]
    batches: dict[str, list[Sequence[dict[str, Any]]]] = {}
    names: dict[str, list[str]] = defaultdict(list)
    for scenario, told in scenarios.items():
        spans = told["spans"]
        for order in (spans, spans[::-1], chance.sample(spans, len(spans))):
            names[scenario].append(name := f"app-{next(ledger.names)}")
            size = -(-len(spans) // chance.choice((1, 2, 3)))
            batches[name] = [order[first : first + size] for first in range(0, len(order), size)]
    ledger.take(batches)

    totals, left_out = ledger.totals(), ledger.left_out()
    for scenario, told in scenarios.items():
        outcomes = [(totals[name], left_out[name]) for name in names[scenario]]
        for total, _ in outcomes:
            assert {key: total[key] for key in told["answered"]} == told["answered"], scenario
        assert outcomes[0] == outcomes[1] == outcomes[2], scenario


def test_calls_at_one_time_that_are_too_many_to_compare_all_count_and_a_warning_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = [seen(number, A if number % 2 else B) for number in range(1, 5)]
    assert {int.from_bytes(span_id) for span_id in same_calls(calls)} == {2, 4}

    monkeypatch.setattr(same_call, "_MOST_PAIRS", 3)
    assert same_calls(calls) == {}
    assert caplog.messages == [f"trace {'00' * 16} has too many calls at one time to compare: each counts"]


@pytest.mark.parametrize("seed", range(20))
def test_comparing_only_what_can_be_one_call_finds_what_comparing_all_does(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    calls = [_drawn(chance, number) for number in range(1, 40)]
    found = same_calls(calls)

    monkeypatch.setattr(same_call, "_pairs", _all_pairs)
    assert found == same_calls(calls)
    assert found


def _drawn(chance: random.Random, number: int) -> Sighting:
    start, usage = chance.randrange(300), chance.choice([{}, {}, NONE, CACHED, {"output_tokens": 21}])
    dated = {"model": "openai/gpt-4o-mini-2024-07-18"}
    kind = chance.choice([{}, {}, {"operation": "embeddings"}, {"model": "gpt-4o"}, dated])
    ms = (start, start + chance.randrange(60))
    return seen(number, chance.choice([OURS, A, B]), ms=ms, **usage | kind)


def _all_pairs(calls: Sequence[Sighting]) -> Iterator[tuple[Any, bytes, bytes]]:
    for one, other in combinations(calls, 2):
        if (distance := same_call._distance(one, other)) is not None:
            yield distance, one.span_id, other.span_id
