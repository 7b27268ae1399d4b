from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanmeter.pricing import PriceBook
from spanmeter_collector.batch import Batch
from spanmeter_collector.bill import bill, charges
from spanmeter_collector.charge import Charge, reversal
from spanmeter_collector.row import read_span
from spanmeter_collector.store import Store

MakeSpan = Callable[..., Span]
Bill = Callable[..., list[Charge]]
Known = dict[str, Any]
Counts = tuple[int, int, int, int, Decimal | None]
FAILED = Status(code=Status.STATUS_CODE_ERROR)
CANCELLED = {"spanmeter.outcome": "cancelled"}


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


@pytest.fixture
def billed(span: MakeSpan, book: PriceBook) -> Bill:
    """The entries of a span with these fields and attributes."""

    def bill(**fields: Any) -> list[Charge]:
        return charges(*read_span({}, "spanmeter", span(**fields), received_at=1), book, recorded_at=2)

    return bill


def counts(entries: list[Charge]) -> Counts:
    """Calls, failed calls, cache hits, unpriced calls and cost."""
    amounts = [entry.usd for entry in entries if entry.usd is not None]
    return (
        sum(entry.calls for entry in entries),
        sum(entry.failed_calls for entry in entries),
        sum(entry.cache_hits for entry in entries),
        sum(entry.unpriced_calls for entry in entries),
        sum(amounts, Decimal(0)) if amounts else None,
    )


def tokens(entries: list[Charge]) -> tuple[int, int, int, int]:
    """Input, cached input, output and reasoning tokens."""
    return (
        sum(entry.input_tokens for entry in entries),
        sum(entry.cached_input_tokens for entry in entries),
        sum(entry.output_tokens for entry in entries),
        sum(entry.reasoning_tokens for entry in entries),
    )


def test_an_answered_call_makes_one_entry_of_counts_and_one_for_each_component(
    billed: Bill, call_attributes: Known, book: PriceBook
) -> None:
    people = {"user.id": "u1", "gen_ai.conversation.id": "s1", "spanmeter.tenant": "acme", "spanmeter.tag.x": "y"}
    call = Charge(
        time=1_795_352_400_000_000_007,
        recorded_at=2,
        entry="charge",
        trace_id=b"\x0a" * 16,
        span_id=bytes(7) + b"\x01",
        component="call",
        calls=1,
        quantity=1,
        unit="call",
        usd=Decimal(0),
        grade="computed",
        price_version=book.version,
        operation="chat",
        provider="openai",
        model="gpt-4o-mini",
        user="u1",
        session="s1",
        tenant="acme",
        ended_at=1_795_352_402_000,
        tags={"x": "y"},
    )
    part = call._replace(calls=0, unit="token")

    assert billed(attributes=call_attributes | people) == [
        call,
        part._replace(
            component="input",
            quantity=800,
            input_tokens=800,
            usd_per_unit=Decimal("0.00000015"),
            usd=Decimal("0.00012"),
        ),
        part._replace(
            component="cache_read",
            quantity=200,
            input_tokens=200,
            cached_input_tokens=200,
            usd_per_unit=Decimal("0.000000075"),
            usd=Decimal("0.000015"),
        ),
        part._replace(
            component="output",
            quantity=100,
            output_tokens=100,
            usd_per_unit=Decimal("0.0000006"),
            usd=Decimal("0.00006"),
        ),
    ]


COST = Decimal("0.000195")


@pytest.mark.parametrize(
    ("fields", "attributes", "expected"),
    [
        ({}, {}, (1, 0, 0, 0, COST)),
        ({}, {"spanmeter.calls": 3}, (3, 0, 0, 0, COST)),
        ({}, {"spanmeter.usage.grade": "estimated"}, (1, 0, 0, 0, COST)),
        ({}, {"spanmeter.reported_cost.usd": "0.5"}, (1, 0, 0, 0, Decimal("0.5"))),
        ({}, {"gen_ai.request.model": "mystery-1"}, (1, 0, 0, 1, None)),
        ({}, {"gen_ai.request.model": "mystery-1", "spanmeter.calls": 3}, (3, 0, 0, 3, None)),
        ({"status": FAILED}, {}, (0, 1, 0, 0, COST)),
        ({"status": FAILED}, {"spanmeter.calls": 2}, (2, 1, 0, 0, COST)),
        ({}, CANCELLED, (1, 0, 0, 0, COST)),
        ({}, {"spanmeter.cache.hit": True}, (0, 0, 1, 0, Decimal(0))),
        ({}, {"spanmeter.wrapper": True}, (0, 0, 0, 0, None)),
        ({}, {"gen_ai.operation.name": "invoke_agent"}, (0, 0, 0, 0, None)),
    ],
)
def test_what_counts_and_what_it_costs_follows_from_how_the_call_ended(
    billed: Bill, call_attributes: Known, fields: Known, attributes: Known, expected: Counts
) -> None:
    assert counts(billed(attributes=call_attributes | attributes, **fields)) == expected


@pytest.mark.parametrize(
    ("fields", "attributes", "expected"),
    [
        ({}, {}, (1, 0, 0, 1, None)),
        ({}, {"spanmeter.calls": 0}, (0, 0, 0, 0, None)),
        ({"status": FAILED}, {}, (0, 1, 0, 0, Decimal(0))),
        ({}, CANCELLED, (0, 0, 0, 0, None)),
        ({"status": FAILED}, CANCELLED, (0, 0, 0, 0, None)),
        ({}, {"spanmeter.reported_cost.usd": "0.5"}, (1, 0, 0, 0, Decimal("0.5"))),
    ],
)
def test_without_usage_an_answered_call_is_unpriced_and_others_cost_nothing(
    billed: Bill, call_attributes: Known, fields: Known, attributes: Known, expected: Counts
) -> None:
    without = {key: value for key, value in call_attributes.items() if ".usage." not in key}

    assert counts(billed(attributes=without | attributes, **fields)) == expected


@pytest.mark.parametrize(
    ("attributes", "grade"),
    [
        ({}, "computed"),
        ({"spanmeter.usage.grade": "estimated"}, "estimated"),
        ({"spanmeter.reported_cost.usd": "0.5"}, "reported"),
        ({"gen_ai.request.model": "mystery-1"}, "unpriced"),
    ],
)
def test_tokens_are_in_the_ledger_under_every_grade(
    billed: Bill, call_attributes: Known, attributes: Known, grade: str
) -> None:
    reasoning = {"gen_ai.usage.reasoning.output_tokens": 30}

    entries = billed(attributes=call_attributes | reasoning | attributes)

    assert tokens(entries) == (1000, 200, 100, 30)
    assert {entry.grade for entry in entries} == {grade}


def test_a_cache_hit_and_a_wrapper_bring_no_tokens(billed: Bill, call_attributes: Known) -> None:
    for mark in ("spanmeter.cache.hit", "spanmeter.wrapper"):
        assert tokens(billed(attributes=call_attributes | {mark: True})) == (0, 0, 0, 0)


MARKS: dict[str, Known] = {
    "inside a counted call": {"spanmeter.inside_call": True},
    "a LangChain run that its process counts": {
        "spanmeter.instrumented": True,
        "langsmith.metadata.ls_integration": "langchain_chat_model",
    },
}
UNMARKED: dict[str, Known] = {
    "a run of LangSmith's own client": {
        "spanmeter.instrumented": True,
        "langsmith.metadata.ls_integration": "wrap_openai",
    },
    "a LangChain run of a process that counts none": {"langsmith.metadata.ls_integration": "langchain_chat_model"},
}


@pytest.mark.parametrize(
    ("known", "calls"),
    [*((known, 0) for known in MARKS.values()), *((known, 1) for known in UNMARKED.values())],
    ids=[*MARKS, *UNMARKED],
)
def test_a_span_whose_sender_says_that_its_call_is_counted_adds_nothing(
    billed: Bill, call_attributes: Known, known: Known, calls: int
) -> None:
    assert counts(billed(attributes=call_attributes | known))[0] == calls


OPUS: Known = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.response.model": "claude-opus-4-6",
    "gen_ai.usage.input_tokens": 300,
    "gen_ai.usage.output_tokens": 50,
}
PARTS = '[{"input":100,"output":20},{"input":50},{"model":"claude-haiku-4-5","input":150,"output":30}]'


def lines(entries: list[Charge]) -> list[tuple[str, int, Decimal | None, Decimal | None]]:
    return [(entry.component, entry.quantity, entry.usd_per_unit, entry.usd) for entry in entries]


def test_what_is_billed_by_parts_is_charged_by_parts(billed: Bill) -> None:
    entries = billed(attributes=OPUS | {"spanmeter.usage.parts": PARTS})

    assert lines(entries) == [
        ("call", 1, None, Decimal(0)),
        ("input", 100, Decimal("0.000005"), Decimal("0.0005")),
        ("output", 20, Decimal("0.000025"), Decimal("0.0005")),
        ("input", 50, Decimal("0.000005"), Decimal("0.00025")),
        ("input@claude-haiku-4-5", 150, Decimal("0.000001"), Decimal("0.00015")),
        ("output@claude-haiku-4-5", 30, Decimal("0.000005"), Decimal("0.00015")),
    ]
    assert tokens(entries) == (300, 0, 50, 0)
    assert {(entry.model, entry.grade) for entry in entries} == {("claude-opus-4-6", "computed")}


def test_one_part_without_a_price_makes_the_call_unpriced(billed: Bill) -> None:
    entries = billed(attributes=OPUS | {"spanmeter.usage.parts": PARTS.replace("haiku-4-5", "nobody")})

    assert counts(entries) == (1, 0, 0, 1, None)
    assert tokens(entries) == (300, 0, 50, 0)


def test_a_reported_cost_goes_before_the_prices_of_parts(billed: Bill) -> None:
    told = {"spanmeter.usage.parts": PARTS, "spanmeter.reported_cost.usd": "0.5"}
    assert lines(billed(attributes=OPUS | told)) == [
        ("call", 1, None, Decimal(0)),
        ("reported", 1, Decimal("0.5"), Decimal("0.5")),
        ("input", 300, None, Decimal(0)),
        ("output", 50, None, Decimal(0)),
    ]


def test_the_region_of_a_call_decides_about_its_price(billed: Bill) -> None:
    abroad, at_home = (billed(attributes=OPUS | region) for region in ({}, {"spanmeter.price.region": "us"}))
    assert [counts(entries)[4] for entries in (abroad, at_home)] == [Decimal("0.00275"), Decimal("0.003025")]


@pytest.mark.parametrize(
    ("bucket", "count", "unit"),
    [("web_searches", 2, "search"), ("input_audio_seconds", 61, "second"), ("pages", 3, "page")],
)
def test_units_are_charged_by_what_they_are_called(billed: Bill, bucket: str, count: int, unit: str) -> None:
    entries = billed(attributes=OPUS | {f"spanmeter.usage.{bucket}": count})
    assert [(entry.quantity, entry.unit, entry.input_tokens) for entry in entries if entry.component == bucket] == [
        (count, unit, 0)
    ]


AGREED = """\
[[price]]
provider = "openai"
model = "gpt-4o-mini"
tenant = "acme"
usd_per_mtok = { input = 1, cache_read = 1, output = 1 }

[[price]]
provider = "vllm"
model = "llama-3"
usd_per_second = 0.001
"""


def test_the_tenant_and_the_duration_of_a_call_decide_about_its_price(
    span: MakeSpan, call_attributes: Known, tmp_path: Path
) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(AGREED)
    agreed = PriceBook.load(prices=path)
    own = {"gen_ai.provider.name": "vllm", "gen_ai.request.model": "llama-3"}

    def usd(**told: str) -> Decimal | None:
        row, reading = read_span({}, "spanmeter", span(attributes=call_attributes | told), received_at=1)
        return counts(charges(row, reading, agreed, recorded_at=2))[4]

    assert [usd(), usd(**{"spanmeter.tenant": "acme"}), usd(**own)] == [COST, Decimal("0.0011"), Decimal("0.002")]


USAGES: list[Known] = [
    {},
    {"spanmeter.tag.x": "y", "user.id": "u1", "spanmeter.tenant": "acme"},
    {"gen_ai.usage.cache_read.input_tokens": 200, "gen_ai.usage.reasoning.output_tokens": 30},
    {"gen_ai.request.model": "mystery-1", "gen_ai.response.model": "mystery-1"},
    {"spanmeter.reported_cost.usd": "0.1234567890123456"},
    {"spanmeter.cache.hit": True},
    {"spanmeter.calls": 0},
    {"spanmeter.calls": 3},
]


def read_entries(store: Store, trace_id: bytes) -> list[Charge]:
    """The ledger's entries of a trace, in an order of their own."""
    known = {"since": 0, "until": 2**62, "trace_ids": [trace_id.hex()]}
    return sorted(store.records("standing_charges", Charge, known), key=repr)


def test_the_entries_that_the_store_makes_of_bills_are_those_of_the_bills(
    store: Store, span: MakeSpan, book: PriceBook, call_attributes: Known
) -> None:
    spans = [span(number, attributes=call_attributes | more) for number, more in enumerate(USAGES, 1)]
    spans.append(span(20, attributes={"gen_ai.operation.name": "chat"}, status=FAILED))
    bills = [
        made for each in spans if (made := bill(*read_span({}, "spanmeter", each, received_at=1), book, recorded_at=2))
    ]
    store.write(Batch(bills=bills), token="1")
    store.write(Batch(bills=bills), token="1")

    assert len(bills) == len(spans)
    expected = sorted((entry for made in bills for entry in made.charges()), key=lambda entry: repr(exact(entry)))
    assert [exact(entry) for entry in read_entries(store, spans[0].trace_id)] == [exact(entry) for entry in expected]


def exact(entry: Charge) -> Charge:
    """An entry whose amounts have as many places as the ledger's."""
    usd = None if entry.usd is None else entry.usd.quantize(Decimal("1e-12"))
    each = None if entry.usd_per_unit is None else entry.usd_per_unit.quantize(Decimal("1e-18"))
    return entry._replace(usd=usd, usd_per_unit=each, tags=dict(entry.tags))


def test_bills_that_come_again_feed_no_view_of_the_ledger_again(
    store: Store, span: MakeSpan, book: PriceBook, call_attributes: Known
) -> None:
    with store._reader() as client:
        client.command("CREATE TABLE sums (usd Decimal(38, 12)) ENGINE = MergeTree ORDER BY tuple()")
        client.command("ALTER TABLE sums MODIFY SETTING non_replicated_deduplication_window = 100")
        client.command(
            "CREATE MATERIALIZED VIEW sums_view TO sums AS SELECT sum(assumeNotNull(usd)) AS usd FROM charges"
        )
        made = bill(
            *read_span({}, "spanmeter", span(1, attributes=call_attributes), received_at=1), book, recorded_at=2
        )
        assert made is not None
        for _ in range(2):
            store.write(Batch(bills=[made]), token="1")

        assert client.query("SELECT sum(usd), count() FROM sums").first_row == (made.usd, 1)


def test_an_amount_beyond_the_columns_of_bills_is_charged_by_its_entries(
    span: MakeSpan, book: PriceBook, call_attributes: Known
) -> None:
    told = call_attributes | {"spanmeter.reported_cost.usd": "999999999999"}
    made = bill(*read_span({}, "spanmeter", span(1, attributes=told), received_at=1), book, recorded_at=2)
    assert made is not None
    assert (made.fits, made.usd) == (False, Decimal(999999999999))


@pytest.mark.parametrize(
    ("scope", "counted_by"),
    [("spanmeter", "p1"), ("spanmeter.langchain", "p1"), ("openinference.instrumentation.openai", "")],
)
def test_a_call_of_ours_says_which_process_counted_it(
    span: MakeSpan, book: PriceBook, call_attributes: Known, scope: str, counted_by: str
) -> None:
    row, reading = read_span({"service.instance.id": "p1"}, scope, span(attributes=call_attributes), received_at=1)
    entries = charges(row, reading, book, recorded_at=2)

    assert {entry.counted_by for entry in entries} == {counted_by}
    assert {reversal(entry, recorded_at=3).counted_by for entry in entries} == {counted_by}
