"""A batch that the engine reads leaves the same in spans and ledger as one that Python reads."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter.pricing import PriceBook
from spanmeter_collector.batch import Batch
from spanmeter_collector.charge import Charge
from spanmeter_collector.incoming import Incoming, Received
from spanmeter_collector.posting import post
from spanmeter_collector.store import Store

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]

TRACES: Final = 200
SCOPES: Final = ("spanmeter", "openinference.instrumentation.langchain", "opentelemetry.instrumentation.openai.v1")


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


@pytest.fixture
def by_python(store_url: str) -> Iterator[Store]:
    """An empty store whose engine reads no spans, as a server's."""
    Store.open(f"{store_url}_by_python").close()
    embedded = Store.open(f"{store_url}_by_python")
    opened = Store(embedded._connect, directory=None, layout=embedded.layout)
    yield opened
    opened.close()
    embedded.close()


@pytest.fixture
def many(span: MakeSpan, request_of: MakeRequest, call_attributes: dict[str, Any]) -> list[ExportTraceServiceRequest]:
    """Traces of two or three chains and of two calls below them; some come twice. Of one service only ours tells."""
    choose = random.Random(7)
    requests = []
    for number in range(TRACES):
        trace_id, first = choose.randbytes(16), 1 + 10 * number
        chains = [span(first + below, attributes={"user.id": "u", "n": below}) for below in range(choose.randint(2, 3))]
        calls = [span(first + 5 + below, attributes=call_attributes) for below in range(2)]
        for below, one in enumerate((*chains, *calls)):
            one.trace_id = trace_id
            one.name = "step" if one in chains else "chat"
            one.parent_span_id = (first + below - 1).to_bytes(8, "big") if below else b""
        parts = [request_of(*chains, calls[0]), request_of(calls[1])]
        for part in parts:
            told = part.resource_spans[0]
            told.scope_spans[0].scope.name = choose.choices(SCOPES, weights=(4, 1, 1))[0]
            if number % 2:
                told.resource.attributes[0].value.string_value = "ours"
                told.scope_spans[0].scope.name = SCOPES[0]
        requests += parts + choose.choices(parts, k=choose.choice([0, 0, 1]))
    return requests


def keys(batch: Batch) -> list[tuple[bytes, bytes]]:
    """The spans that a batch adds."""
    ids = batch.staged.ids if batch.staged else b""
    staged = [(ids[at : at + 16], ids[at + 16 : at + 24]) for at in range(0, len(ids), 24)]
    return sorted([*((row.trace_id, row.span_id) for row in batch.rows), *staged])


def entries(store: Store) -> list[tuple[Any, ...]]:
    """All that stands in the ledger."""
    with store._reader() as client:
        columns = (f"toString({name})" if name == "time" else name for name in Charge._fields)
        found: list[tuple[Any, ...]] = client.query(
            f"SELECT {', '.join(columns)} FROM charges ORDER BY trace_id, span_id, component"
        ).result_rows
        return found


def test_the_ledger_is_the_same_whoever_reads_the_spans(
    store: Store, by_python: Store, book: PriceBook, many: list[ExportTraceServiceRequest]
) -> None:
    received = [Received.of(request, 1) for request in many]

    batch = post(received, store=store, book=book, recorded_at=2)
    expected = post(received, store=by_python, book=book, recorded_at=2)

    assert batch.staged is not None
    assert expected.staged is None
    assert len(batch.staged) > TRACES / 2
    assert batch.staged.calls > TRACES / 8
    assert len(batch.duplicates) > TRACES / 8
    assert (keys(batch), batch.spans) == (keys(expected), len(expected.rows))
    assert sorted(batch.duplicates) == sorted(expected.duplicates)
    store.write(batch, token="1")
    by_python.write(expected, token="1")
    assert entries(store) == entries(by_python) != []


def test_a_batch_that_comes_again_adds_nothing(
    store: Store, book: PriceBook, many: list[ExportTraceServiceRequest]
) -> None:
    received = [Received.of(request, 1, repeated=True) for request in many]
    store.write(post(received, store=store, book=book, recorded_at=2), token="1")

    again = post(received, store=store, book=book, recorded_at=2)

    assert (again.spans, again.charges, again.duplicates) == (0, [], [])


def test_the_same_staged_spans_with_the_same_token_are_stored_once(
    store: Store, book: PriceBook, many: list[ExportTraceServiceRequest]
) -> None:
    batch = post([Received.of(request, 1) for request in many], store=store, book=book, recorded_at=2)

    for _ in range(3):
        store.write(batch, token="1")

    counted = store.query("known_spans", known_of(batch))
    assert len(counted) == batch.spans
    with store._reader() as client:
        assert client.query("SELECT count() FROM spans").result_rows == [(batch.spans,)]


def known_of(batch: Batch) -> dict[str, object]:
    return {
        "since": 0,
        "until": 4_000_000_000_000_000_000,
        "trace_ids": sorted({trace_id.hex() for trace_id, _ in keys(batch)}),
        "operations": [],
    }


def test_the_plain_spans_of_a_span_whose_day_is_closed_are_too_old(
    store: Store, book: PriceBook, span: MakeSpan, request_of: MakeRequest
) -> None:
    spans = [span(number) for number in range(1, 601)]
    spans[5].start_time_unix_nano -= 86_400 * 10**9
    store.closed = frozenset({spans[5].start_time_unix_nano // (86_400 * 10**9)})

    incoming = Incoming.of([Received.of(request_of(*spans), 1)], store, book)

    assert (incoming.too_old, incoming.unread, len(incoming.spans)) == (1, 599, 0)
