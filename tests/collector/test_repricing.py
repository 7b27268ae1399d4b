"""Repricing a real ledger: what it shows, what it writes, and that it does so once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanmeter.pricing import PriceBook
from spanmeter_collector import cost, repricing
from spanmeter_collector.incoming import Received
from spanmeter_collector.posting import post
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.repricing import OPTIONS, reprice
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store

Known = dict[str, Any]
MakeSpan = Callable[..., Span]
MakeRequest = Callable[..., ExportTraceServiceRequest]
Books = Callable[..., PriceBook]

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
MINI = "gpt-4o-mini"


@pytest.fixture(scope="module")
def listed() -> PriceBook:
    """List prices, without a price file."""
    return PriceBook.load(prices="")


@pytest.fixture
def doubled(tmp_path: Path) -> Books:
    """A book in which models cost what is told, in dollars a million tokens of input and output."""

    def make(**prices: tuple[str, str]) -> PriceBook:
        lines = [
            f'[[price]]\nprovider = "openai"\nmodel = "{model}"\n'
            f"usd_per_mtok = {{ input = {per_input}, output = {per_output}, cache_read = {per_input} }}\n"
            for model, (per_input, per_output) in prices.items()
        ]
        path = tmp_path / "prices.toml"
        path.write_text("\n".join(lines))
        return PriceBook.load(prices=path)

    return make


class Ledger:
    """A store, and what these tests do with it."""

    def __init__(self, store: Store, book: PriceBook, request_of: MakeRequest) -> None:
        self.store = store
        self._book = book
        self._request_of = request_of
        self._batches = itertools.count(1)

    def ingest(self, *spans: Span, scope: str = "spanmeter", forget: int = 0) -> None:
        """Post spans at list prices as one batch, of which so many spans are not stored."""
        request = self._request_of(*spans)
        request.resource_spans[0].scope_spans[0].scope.name = scope
        with self.store.ledger:
            batch = post([Received.of(request, 1)], store=self.store, book=self._book, recorded_at=2)
            kept = replace(batch, rows=batch.rows[forget:])
            self.store.write(kept, token=f"batch-{next(self._batches)}")

    def reprice(self, book: PriceBook | None = None, **options: str) -> Known:
        selection = read_selection(list(options.items()), OPTIONS, now=NOW)
        return reprice(self.store, book or self._book, selection).model_dump()

    def figures(self) -> tuple[int, str | None, int]:
        """Calls, cost and unpriced calls of the whole ledger."""
        total = cost.answer_cost(self.store, read_selection([("since", "7d")], cost.OPTIONS, now=NOW)).total
        return total.calls, total.cost_usd, total.unpriced_calls

    def entries(self) -> int:
        return len(self.store.query("standing_charges", {"since": 0, "until": 2**62, "trace_ids": ["0a" * 16]}))


@pytest.fixture
def ledger(store: Store, listed: PriceBook, request_of: MakeRequest) -> Ledger:
    return Ledger(store, listed, request_of)


@pytest.fixture
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanmeter_collector.repricing.time.time_ns", lambda: 1_795_370_400_000_000_000)


def sums(calls: int, changed: int, usd: tuple[str | None, str | None, str], *, priced: int = 0) -> Known:
    """Figures with old and new cost and the difference."""
    old, new, difference = usd
    return {
        "calls": calls,
        "changed_calls": changed,
        "old_usd": old,
        "new_usd": new,
        "difference_usd": difference,
        "newly_priced": priced,
        "newly_unpriced": 0,
    }


def test_the_whole_answer_of_a_dry_run_that_writes_nothing(
    ledger: Ledger, span: MakeSpan, doubled: Books, call_attributes: Known
) -> None:
    mystery = call_attributes | {"gen_ai.request.model": "mystery-1"}
    large = call_attributes | {"gen_ai.request.model": "gpt-4o"}
    ledger.ingest(
        *(span(number, attributes=known) for number, known in enumerate([call_attributes, mystery, large], 1))
    )
    before = ledger.figures()
    book = doubled(**{MINI: ("0.30", "1.20"), "mystery-1": ("1", "1")})

    assert ledger.reprice(book, dry_run="true") == {
        "rows": [
            {"provider": "openai", "model": "gpt-4o"} | sums(1, 0, ("0.00325", "0.00325", "0")),
            {"provider": "openai", "model": MINI} | sums(1, 1, ("0.000195", "0.00042", "0.000225")),
            {"provider": "openai", "model": "mystery-1"} | sums(1, 1, (None, "0.0011", "0.0011"), priced=1),
        ],
        "total": sums(3, 2, ("0.003445", "0.00477", "0.001325"), priced=1),
        "calls_without_span": 0,
        "price_version": book.version,
        "written": False,
        "since": "2026-11-21T18:00:00Z",
        "until": "2026-11-22T18:00:00Z",
    }
    assert ledger.figures() == before == (3, "0.003445", 1)


def test_what_is_written_is_a_reversal_and_a_new_charge_and_a_second_run_changes_nothing(
    ledger: Ledger, span: MakeSpan, doubled: Books, call_attributes: Known
) -> None:
    ledger.ingest(span(1, attributes=call_attributes))
    book = doubled(**{MINI: ("0.30", "1.20")})

    first, second = ledger.reprice(book), ledger.reprice(book)

    assert first["total"] == sums(1, 1, ("0.000195", "0.00042", "0.000225"))
    assert second["total"] == sums(1, 0, ("0.00042", "0.00042", "0"))
    assert (ledger.figures(), ledger.entries()) == ((1, "0.00042", 0), 12)


def test_prices_that_come_back_are_charged_again(
    ledger: Ledger, span: MakeSpan, doubled: Books, call_attributes: Known, listed: PriceBook
) -> None:
    ledger.ingest(span(1, attributes=call_attributes))
    changed = doubled(**{MINI: ("0.30", "1.20")})

    usd = []
    for book in (changed, listed, changed, listed):
        ledger.reprice(book)
        usd.append(ledger.figures()[1])

    assert usd == ["0.00042", "0.000195", "0.00042", "0.000195"]


@pytest.mark.usefixtures("_stopped_clock")
def test_prices_that_come_back_within_a_tick_of_the_clock_are_charged_again(
    ledger: Ledger, span: MakeSpan, doubled: Books, call_attributes: Known, listed: PriceBook
) -> None:
    ledger.ingest(span(1, attributes=call_attributes))
    changed = doubled(**{MINI: ("0.30", "1.20")})

    usd = []
    for book in (changed, listed, changed, listed):
        ledger.reprice(book)
        usd.append(ledger.figures()[1])

    assert usd == ["0.00042", "0.000195", "0.00042", "0.000195"]


def test_calls_that_stand_at_the_very_prices_are_summed_up_without_a_look_at_their_spans(
    ledger: Ledger, span: MakeSpan, doubled: Books, call_attributes: Known, listed: PriceBook
) -> None:
    failed = {"status": Status(code=Status.STATUS_CODE_ERROR)}
    attempts = call_attributes | {"spanmeter.calls": 3}
    unknown = call_attributes | {"gen_ai.request.model": "mystery-1"}
    ledger.ingest(
        span(1, attributes=attempts), span(2, attributes=call_attributes, **failed), span(3, attributes=unknown)
    )
    book = doubled(**{MINI: ("0.30", "1.20")})
    looked_at = ledger.reprice(book)
    ledger.reprice(listed)
    ledger.reprice(book)
    with ledger.store._reader() as client:
        client.command("TRUNCATE TABLE spans")

    again = ledger.reprice(book)
    assert again["rows"] == [
        {"provider": "openai", "model": MINI} | sums(4, 0, ("0.00084", "0.00084", "0")),
    ]
    assert (again["calls_without_span"], looked_at["total"]["calls"], looked_at["total"]["new_usd"]) == (
        1,
        5,
        "0.00084",
    )


def test_a_price_that_only_has_another_version_is_left_alone(
    ledger: Ledger, span: MakeSpan, doubled: Books, call_attributes: Known, listed: PriceBook
) -> None:
    ledger.ingest(span(1, attributes=call_attributes))
    book = doubled(other=("1", "1"))

    assert book.version != listed.version
    assert ledger.reprice(book)["total"]["changed_calls"] == 0
    assert ledger.entries() == 4


FAILED = Status(code=Status.STATUS_CODE_ERROR)
KINDS: dict[str, tuple[Known, Known]] = {
    "answered": ({}, {}),
    "several": ({}, {"spanmeter.calls": 3}),
    "estimated": ({}, {"spanmeter.usage.grade": "estimated"}),
    "reported": ({}, {"spanmeter.reported_cost.usd": "0.5"}),
    "unpriced": ({}, {"gen_ai.request.model": "mystery-1"}),
    "failed": ({"status": FAILED}, {}),
    "cancelled": ({}, {"spanmeter.outcome": "cancelled"}),
    "cache hit": ({}, {"spanmeter.cache.hit": True}),
    "batch": ({}, {"gen_ai.openai.response.service_tier": "flex"}),
    "response model": ({}, {"gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.request.model": "gpt-4o"}),
    "of another sender": (
        {},
        {
            "gen_ai.operation.name": "",
            "openinference.span.kind": "LLM",
            "llm.model_name": MINI,
            "llm.token_count.prompt": 9,
        },
    ),
    "by parts": (
        {},
        {
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-opus-4-6",
            "gen_ai.usage.cache_read.input_tokens": 0,
            "spanmeter.usage.parts": '[{"input":600,"output":50},{"model":"claude-haiku-4-5","input":400,"output":50}]',
            "spanmeter.price.region": "us",
        },
    ),
}


@pytest.mark.parametrize(("fields", "attributes"), KINDS.values(), ids=KINDS)
def test_a_stored_call_costs_what_it_cost_when_it_came_in(
    ledger: Ledger, span: MakeSpan, call_attributes: Known, fields: Known, attributes: Known
) -> None:
    ledger.ingest(span(1, attributes=call_attributes | attributes, **fields))
    made = ledger.entries()

    answer = ledger.reprice()

    assert (answer["total"]["changed_calls"], answer["calls_without_span"], ledger.entries()) == (0, 0, made)
    assert made


OTHERS = "opentelemetry.instrumentation.openai_v2"


def test_what_was_reversed_as_a_duplicate_stays_reversed(
    ledger: Ledger, span: MakeSpan, doubled: Books, call_attributes: Known
) -> None:
    told = call_attributes | {"gen_ai.response.id": "r1"}
    ledger.ingest(span(2, attributes=told), scope=OTHERS)
    ledger.ingest(span(1, attributes=told))
    assert ledger.entries() == 12

    answer = ledger.reprice(doubled(**{MINI: ("0.30", "1.20")}))

    assert (answer["total"]["changed_calls"], ledger.figures()) == (1, (1, "0.00042", 0))


def test_calls_whose_spans_are_gone_keep_their_price_and_are_counted(
    ledger: Ledger, span: MakeSpan, doubled: Books, call_attributes: Known
) -> None:
    ledger.ingest(*(span(number, attributes=call_attributes) for number in (1, 2)), forget=1)

    answer = ledger.reprice(doubled(**{MINI: ("0.30", "1.20")}))

    assert (answer["total"]["calls"], answer["calls_without_span"], ledger.figures()) == (1, 1, (2, "0.000615", 0))


def test_only_the_asked_calls_of_the_asked_period_are_touched(
    ledger: Ledger, span: MakeSpan, doubled: Books, call_attributes: Known
) -> None:
    hour = 3_600_000_000_000
    start = span(1).start_time_unix_nano
    large = call_attributes | {"gen_ai.request.model": "gpt-4o"}
    ledger.ingest(
        span(1, attributes=call_attributes),
        span(2, attributes=large),
        span(3, attributes=call_attributes, start_time_unix_nano=start + hour, end_time_unix_nano=start + hour),
    )
    book = doubled(**{MINI: ("0.30", "1.20"), "gpt-4o": ("1", "1")})

    answer = ledger.reprice(book, until="2026-11-22T14:00:00Z", model=MINI)

    assert answer["total"] == sums(1, 1, ("0.000195", "0.00042", "0.000225"))


def test_a_call_in_the_minutes_beside_the_whole_hours_of_a_period_is_touched(
    ledger: Ledger, span: MakeSpan, doubled: Books, call_attributes: Known
) -> None:
    at = 1_795_356_300 * 10**9  # 14:05, beside the whole hour from 13:00
    ledger.ingest(span(1, attributes=call_attributes, start_time_unix_nano=at, end_time_unix_nano=at + 1))
    period = [("since", "2026-11-22T13:00:00Z"), ("until", "2026-11-22T14:10:00Z")]
    selection = read_selection(period, repricing.OPTIONS, now=datetime.now(UTC))
    answer = repricing.reprice(ledger.store, doubled(**{MINI: ("0.30", "1.20")}), selection)
    assert (answer.total.calls, answer.total.changed_calls) == (1, 1)


def test_a_large_ledger_is_gone_through_page_by_page(
    ledger: Ledger, span: MakeSpan, doubled: Books, call_attributes: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repricing, "_PAGE_CALLS", 10)
    ledger.ingest(*(span(number, attributes=call_attributes) for number in range(1, 46)))

    answer = ledger.reprice(doubled(**{MINI: ("0.30", "1.20")}))

    assert (answer["total"]["changed_calls"], ledger.figures()) == (45, (45, "0.0189", 0))


def test_how_far_it_has_come_is_known_while_it_goes_on(
    ledger: Ledger, span: MakeSpan, doubled: Books, call_attributes: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repricing, "_PAGE_CALLS", 2)
    minute = 60 * 10**9
    for number in range(1, 7):
        at = 1_795_352_400 * 10**9 + number * 10 * minute  # from 13:00 on
        ledger.ingest(span(number, attributes=call_attributes, start_time_unix_nano=at, end_time_unix_nano=at + 1))
    progress, shares = repricing.Progress(), list[float | None]()
    calls = repricing._calls

    def noted(*given: Any, **known: Any) -> Any:
        shares.append(progress.share)
        return calls(*given, **known)

    monkeypatch.setattr(repricing, "_calls", noted)
    hour = [("since", "2026-11-22T13:00:00Z"), ("until", "2026-11-22T14:10:00Z")]
    selection = read_selection(hour, repricing.OPTIONS, now=datetime.now(UTC))
    repricing.reprice(ledger.store, doubled(**{MINI: ("0.30", "1.20")}), selection, progress=progress)

    assert [share and round(share, 3) for share in shares] == [0.0, 0.286, 0.571]  # of the time that has calls
    assert progress.share is None


def test_two_runs_and_what_comes_in_meanwhile_leave_one_price_a_call(
    ledger: Ledger, span: MakeSpan, doubled: Books, call_attributes: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repricing, "_PAGE_CALLS", 20)
    told = [call_attributes | {"gen_ai.response.id": f"r{number}"} for number in range(100)]
    ledger.ingest(*(span(1001 + number, attributes=known) for number, known in enumerate(told)), scope=OTHERS)
    ours = [span(1 + number, attributes=known) for number, known in enumerate(told)]
    book = doubled(**{MINI: ("0.30", "1.20")})

    threads = [threading.Thread(target=ledger.reprice, args=(book,)) for _ in range(2)]
    threads.append(threading.Thread(target=ledger.ingest, args=ours))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.reprice(book)

    assert ledger.figures() == (100, "0.042", 0)


def test_a_dry_run_is_true_or_false(ledger: Ledger) -> None:
    with pytest.raises(QuestionError, match="dry_run='yes' is not allowed; allowed: true, false"):
        ledger.reprice(dry_run="yes")


def test_what_has_no_price_any_more_is_unpriced(
    ledger: Ledger, span: MakeSpan, doubled: Books, call_attributes: Known, listed: PriceBook
) -> None:
    mystery = call_attributes | {"gen_ai.request.model": "mystery-1"}
    ledger.ingest(span(1, attributes=call_attributes), span(2, attributes=mystery))
    ledger.reprice(doubled(**{"mystery-1": ("1", "1")}))
    assert ledger.figures() == (2, "0.001295", 0)

    total = ledger.reprice(listed)["total"]

    assert total == sums(2, 1, ("0.001295", "0.000195", "-0.0011")) | {"newly_unpriced": 1}
    assert ledger.figures() == (2, "0.000195", 1)
