"""Whatever order spans come in, however often, and whatever prices hold meanwhile, the ledger ends the same."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanmeter.pricing import PriceBook
from spanmeter_collector.answers import RepriceAnswer
from spanmeter_collector.charge import Charge, standing
from spanmeter_collector.incoming import Received
from spanmeter_collector.posting import post
from spanmeter_collector.repricing import OPTIONS, reprice
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store

MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]
Told = tuple[str, Span]
NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
START_NS = 1_795_352_400_000_000_000
OURS = "spanmeter.langchain"
OTHERS = ("opentelemetry.instrumentation.openai_v2", "openinference.instrumentation.langchain")
TRACES = [number.to_bytes(16) for number in range(1, 5)]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> list[PriceBook]:
    """The list's prices, others, and others for one tenant and a model that the list does not know."""
    folder = tmp_path_factory.mktemp("prices")
    made = [PriceBook.load(prices="")]
    for number, (model, more) in enumerate(
        [("gpt-4o-mini", ""), ("gpt-4o-mini", 'tenant = "acme"'), ("mystery-1", "")]
    ):
        file = Path(folder, f"{number}.toml")
        usd = "usd_per_mtok = { input = 0.333333333333, output = 1.2 }"
        file.write_text(f'[[price]]\nprovider = "openai"\nmodel = "{model}"\n{more}\n{usd}\n', encoding="utf-8")
        made.append(PriceBook.load(prices=file))
    return made


def drawn(chance: random.Random, make: MakeSpan) -> list[Told]:
    """Some calls, each told by ours, by others, or by two of them above or beside one another."""
    told: list[Told] = []

    def tell(scope: str, trace_id: bytes, parent: int, ms: tuple[int, int], known: dict[str, Any], **more: Any) -> int:
        times = {"start_time_unix_nano": START_NS + ms[0] * 10**6, "end_time_unix_nano": START_NS + ms[1] * 10**6}
        ids = {"trace_id": trace_id, "parent_span_id": parent.to_bytes(8) if parent else b""}
        told.append((scope, make(len(told) + 1, attributes=known, **ids, **times, **more)))
        return len(told)

    for number in range(chance.randrange(3, 12)):
        trace_id, start = chance.choice(TRACES), number * 10_000
        known = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": chance.choice(["gpt-4o-mini", "gpt-4o", "mystery-1"]),
            "gen_ai.usage.input_tokens": chance.randrange(1, 5000),
            "gen_ai.usage.output_tokens": chance.randrange(900),
        }
        own: dict[str, object] = chance.choice(
            [{}, {"spanmeter.tenant": "acme"}, {"spanmeter.reported_cost.usd": "0.0123"}, {"spanmeter.calls": 2}]
        )
        failed = {"status": Status(code=Status.STATUS_CODE_ERROR)} if chance.random() < 0.1 else {}
        above = tell(OURS, trace_id, 0, (start, start + 900), {"spanmeter.operation": "chain"})
        first = chance.choice([OURS, *OTHERS])
        outer = tell(
            first, trace_id, above, (start + 10, start + 800), known | (own if first == OURS else {}), **failed
        )
        if chance.random() < 0.6:
            second = chance.choice([scope for scope in OTHERS if scope != first])
            tell(second, trace_id, chance.choice([outer, above]), (start + 11, start + 799), known, **failed)
    return told


class Ledger:
    """One of two ledgers in a store of its own, and what these tests do with it."""

    def __init__(self, store: Store, request_of: MakeRequest) -> None:
        self.store = store
        self._request_of = request_of
        self._batches = 0

    def ingest(self, told: Sequence[Told], book: PriceBook) -> None:
        """Post one request for each span, all in one batch."""
        self._batches += 1
        requests = [self._request_of(span) for _, span in told]
        for request, (scope, _) in zip(requests, told, strict=True):
            request.resource_spans[0].scope_spans[0].scope.name = scope
        received = [Received.of(request, 1) for request in requests]
        batch = post(received, store=self.store, book=book, recorded_at=self._batches)
        self.store.write(batch, token=str(self._batches))

    def reprice(self, book: PriceBook, *, dry_run: bool = False) -> RepriceAnswer:
        """Reprice everything."""
        asked = [("since", "1d"), ("dry_run", str(dry_run).lower())]
        return reprice(self.store, book, read_selection(asked, OPTIONS, now=NOW))

    def standing(self) -> Counter[str]:
        """What stands, whenever it was recorded and whatever the prices were called."""
        known = {"since": 0, "until": 2**62, "trace_ids": [trace_id.hex() for trace_id in TRACES]}
        entries: dict[bytes, list[Charge]] = {}
        for entry in self.store.records("standing_charges", Charge, known):
            entries.setdefault(entry.trace_id + entry.span_id, []).append(entry)
        left = (entry for of_span in entries.values() for entry in standing(of_span))
        return Counter(repr(entry._replace(recorded_at=0, price_version="", tags=dict(entry.tags))) for entry in left)


@pytest.mark.parametrize("seed", range(4))
def test_the_ledger_is_the_same_whatever_the_order_the_repeats_and_the_prices_meanwhile(
    engine_path: Path, span: MakeSpan, request_of: MakeRequest, books: list[PriceBook], seed: int
) -> None:
    chance = random.Random(seed)
    told, last = drawn(chance, span), chance.choice(books)
    at_once, in_pieces = (
        Ledger(Store.open(f"chdb://{engine_path}?database=ledger_{name}_{seed}"), request_of) for name in "ab"
    )
    at_once.ingest(told, last)

    pieces = told + chance.choices(told, k=5)
    chance.shuffle(pieces)
    while pieces:
        some, pieces = pieces[: (size := chance.randrange(1, 9))], pieces[size:]
        in_pieces.ingest(some, chance.choice(books))
        if chance.random() < 0.3:
            in_pieces.reprice(chance.choice(books))
    shown, written, again = in_pieces.reprice(last, dry_run=True), in_pieces.reprice(last), in_pieces.reprice(last)

    assert in_pieces.standing() == at_once.standing()
    assert (shown.total, shown.rows) == (written.total, written.rows)
    assert (again.total.changed_calls, again.total.new_usd) == (0, written.total.new_usd)
    at_once.store.close()
    in_pieces.store.close()
