"""What calls would have saved: every figure held against arithmetic done by hand, each dollar given to one proposal.

Prices of 2026 a million tokens: gpt-4o-mini 0.15 in, 0.075 cached, 0.60 out; gpt-4o 2.50, 1.25, 10; its batch tier half
of that; claude-sonnet-4-5 3 in, 0.30 cached, 3.75 written for 5 minutes, 6 for an hour, 15 out; text-embedding-3-small
0.02.
"""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanmeter.pricing import PriceBook
from spanmeter_collector import savings
from spanmeter_collector.cost import OPTIONS as COST_OPTIONS
from spanmeter_collector.cost import answer_cost
from spanmeter_collector.incoming import Received
from spanmeter_collector.posting import post
from spanmeter_collector.proposals import PROPOSALS
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.saving_terms import OPTIONS
from spanmeter_collector.savings import answer_savings
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
START_NS = 1_795_352_400_000_000_000
A, B = "00000000000000aa", "00000000000000bb"
HASH, PREFIXES, BYTES = "spanmeter.prompt.hash", "spanmeter.prompt.prefixes", "spanmeter.prompt.bytes"
REPEATED = "spanmeter.prompt.repeated_bytes"
USED = {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100}
MINI = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini"}
LARGE = MINI | {"gen_ai.request.model": "gpt-4o"}
SONNET = MINI | {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"}
SMALL = {
    "gen_ai.operation.name": "embeddings",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "text-embedding-3-small",
    "gen_ai.usage.output_tokens": 0,
}
WRITTEN = {"gen_ai.usage.cache_creation.input_tokens": 600, "spanmeter.usage.cache_write_5m": 600}
UNREAD = {"unread_cache_writes": (1, 600, "0.00045")}  # 600 tokens at 3.75 instead of 3 a million
STATUS = {"ok": Status.STATUS_CODE_OK, "error": Status.STATUS_CODE_ERROR}

_NUMBERS = itertools.count(1000)

Said = dict[str, Any]
Take = Callable[..., None]
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load(prices="")


@pytest.fixture
def take(
    store: Store,
    book: PriceBook,
    span: Callable[..., Span],
    request_of: Callable[..., ExportTraceServiceRequest],
) -> Take:
    """Store spans, each (what it says, its start and end in seconds, more of its fields)."""
    numbers = iter(range(1, 100_000))

    def store_all(*told: tuple[Said, tuple[float, float], Said]) -> None:
        made = []
        for attributes, (start, end), more in told:
            number = next(numbers)
            fields = {"trace_id": (10_000 + number).to_bytes(16), "kind": Span.SPAN_KIND_CLIENT} | more
            times = {
                "start_time_unix_nano": START_NS + round(start * 1e9),
                "end_time_unix_nano": START_NS + round(end * 1e9),
            }
            made.append(span(number, attributes=attributes, **times, **fields))
        request = request_of(*made)
        batch = post([Received.of(request, 1)], store=store, book=book, recorded_at=1)
        store.write(batch, token=str(next(numbers)))

    return store_all


@pytest.fixture
def ask(store: Store, book: PriceBook) -> Ask:
    def answer(*query: tuple[str, str], now: datetime = NOW) -> dict[str, Any]:
        return answer_savings(store, book, read_selection(query, OPTIONS, now=NOW), now=now).model_dump()

    return answer


def call(attributes: Said, at: tuple[float, float] = (0, 1), **more: Any) -> tuple[Said, tuple[float, float], Said]:
    return USED | attributes, at, more


def status(word: str) -> Status:
    return Status(code=STATUS[word])


def figures(answer: dict[str, Any], *fields: str) -> dict[str, tuple[Any, ...]]:
    """Of every proposal that touches a call the figures of these names."""
    return {row["name"]: tuple(row[field] for field in fields) for row in answer["proposals"] if row["calls"]}


def test_the_whole_answer(take: Take, ask: Ask) -> None:
    take(call(MINI | {HASH: A}), call(MINI | {HASH: A}, (5, 6)), call(MINI | {HASH: B}, (5, 6)), call(MINI))

    answer = ask()

    (found,) = [row for row in answer["proposals"] if row["calls"]]
    assert found == {
        "name": "answer_cache",
        "assumption": (
            "One cache for all, emptied every 24h, answers a request that is equal to one answered before it began: "
            "same model, messages, tools and parameters. The same answer has to do again. Only calls that carry a hash "
            "of what they asked are known to be equal: with SPANMETER_HASH_KEY=off none does."
        ),
        "calls": 1,
        "unpriced_calls": 0,
        "input_tokens": 1000,
        "output_tokens": 100,
        "alone_usd": "0.00021",
        "saved_usd": "0.00021",
        "examples": [{"trace_id": f"{10_002:032x}", "span_id": f"{2:016x}", "usd": "0.00021"}],
    }
    assert {key: said for key, said in answer.items() if key != "proposals"} == {
        "calls": 4,
        "unpriced_calls": 0,
        "compared_calls": 3,
        "spend_usd": "0.00084",
        "saved_usd": "0.00021",
        "since": "2026-11-21T14:00:00Z",
        "until": "2026-11-22T14:00:00Z",
    }
    assert [row["name"] for row in answer["proposals"]] == [proposal.name for proposal in PROPOSALS]


@pytest.mark.parametrize(
    ("again", "repeated"),
    [
        (call(MINI | {HASH: A}, (5, 6)), 1),
        (call(MINI | {HASH: A}, (0.5, 6)), 0),
        (call(MINI | {HASH: B}, (5, 6)), 0),
        (call(MINI, (5, 6)), 0),
    ],
    ids=["after the answer", "before the answer", "another request", "without a hash"],
)
def test_a_cache_answers_what_was_answered_before(take: Take, ask: Ask, again: Any, repeated: int) -> None:
    take(call(MINI | {HASH: A}), again)
    assert figures(ask(), "calls") == ({"answer_cache": (repeated,)} if repeated else {})


def test_a_call_without_an_answer_fills_no_cache(take: Take, ask: Ask) -> None:
    take(
        call(MINI | {HASH: A}, status=status("error")),
        call(MINI | {HASH: A, "spanmeter.outcome": "cancelled"}, (2, 3)),
        call(MINI | {HASH: A}, (5, 6)),
    )
    assert figures(ask(), "calls") == {"failed_attempts": (1,), "aborted_streams": (1,)}


def test_a_cache_forgets(take: Take, ask: Ask) -> None:
    take(*(call(MINI | {HASH: A}, (at, at + 1)) for at in (0, 200, 600, 800, 1200)))
    assert figures(ask(("ttl", "10m")), "calls", "saved_usd") == {"answer_cache": (2, "0.00042")}
    assert figures(ask(), "calls", "saved_usd") == {"answer_cache": (4, "0.00084")}


def test_embeddings_are_not_made_again(take: Take, ask: Ask) -> None:
    take(
        call(SMALL | {HASH: A}),
        call(SMALL | {HASH: A}, (5, 6)),
        call(SMALL | {HASH: B, BYTES: 400, REPEATED: 100}, (5, 6)),
    )
    # 1000 tokens of the equal request, and a quarter of the tokens of the other one, at 0.02 a million.
    assert figures(ask(), "calls", "input_tokens", "saved_usd") == {"embedding_cache": (2, 1250, "0.000025")}


def test_what_failed_or_was_given_up_and_cost_is_waste(take: Take, ask: Ask) -> None:
    take(
        call(MINI, status=status("error")),
        call(MINI | {"spanmeter.outcome": "cancelled", "gen_ai.usage.output_tokens": 50}),
        call(MINI | {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}, status=status("error")),
    )
    assert figures(ask(), "saved_usd") == {"failed_attempts": ("0.00021",), "aborted_streams": ("0.00018",)}


def test_an_answer_that_did_not_parse_is_waste(take: Take, ask: Ask) -> None:
    trace = {"trace_id": (7).to_bytes(16)}
    chain = {"spanmeter.operation": "chain"}
    failed = chain | {"error.type": "OutputParserException"}
    inner = {"kind": Span.SPAN_KIND_INTERNAL, "status": status("error")} | trace
    take(
        (failed, (0, 9), {**inner, "span_id": b"\1" * 8}),
        call(MINI, (1, 2), parent_span_id=b"\1" * 8, **trace),
        (failed, (2, 8), {**inner, "span_id": b"\2" * 8, "parent_span_id": b"\1" * 8}),
        call(MINI, (3, 4), parent_span_id=b"\2" * 8, **trace),
        call(LARGE, (5, 6), parent_span_id=b"\2" * 8, **trace),
        (failed, (6, 7), {**inner, "span_id": b"\3" * 8, "parent_span_id": b"\2" * 8}),
        call(MINI, (7.2, 7.5), parent_span_id=b"\2" * 8, **trace),
    )
    # Only the answer that went into the innermost failed step: 1000 at 2.50 and 100 at 10 a million.
    assert figures(ask(), "calls", "saved_usd") == {"failed_parses": (1, "0.0035")}


@pytest.mark.parametrize(
    ("reads", "expected"),
    [((), UNREAD), ((200,), {}), ((301,), UNREAD), ((-1,), UNREAD)],
    ids=["never", "in time", "too late", "before"],
)
def test_what_is_written_into_the_providers_cache_and_not_read_is_waste(
    take: Take, ask: Ask, reads: Sequence[float], expected: dict[str, Any]
) -> None:
    take(
        call(SONNET | WRITTEN),
        *(call(SONNET | {"gen_ai.usage.cache_read.input_tokens": 500}, (at, at + 1)) for at in reads),
    )
    assert figures(ask(), "calls", "input_tokens", "saved_usd") == expected


def test_what_may_still_be_read_is_no_waste(take: Take, ask: Ask) -> None:
    take(call(SONNET | WRITTEN))
    assert figures(ask(now=datetime(2026, 11, 22, 13, 4, 59, tzinfo=UTC)), "calls") == {}
    assert figures(ask(now=datetime(2026, 11, 22, 13, 5, tzinfo=UTC)), "calls") == {"unread_cache_writes": (1,)}


def test_an_entry_that_is_paid_for_an_hour_is_kept_for_one(take: Take, ask: Ask) -> None:
    hour = {"gen_ai.usage.cache_creation.input_tokens": 600, "spanmeter.usage.cache_write_1h": 600}
    take(call(SONNET | hour), call(SONNET | {"gen_ai.usage.cache_read.input_tokens": 500}, (3000, 3001)))
    assert figures(ask(), "calls") == {}


def test_input_beyond_a_limit_is_cut(take: Take, ask: Ask) -> None:
    take(call(MINI), call(LARGE), call(SMALL), call(MINI | {"gen_ai.usage.cache_read.input_tokens": 900}))
    # Of each chat 600: at 0.15, at 2.50, and of the third the 100 that were not cached.
    assert figures(ask(("input_limit", "400")), "calls", "input_tokens", "saved_usd") == {
        "input_limit": (3, 1300, "0.001605")
    }


DOCUMENTS = "spanmeter.retrieval.document_bytes"
TRACE = {"trace_id": (8).to_bytes(16)}


def found(operation: str, sizes: str, at: tuple[float, float]) -> tuple[Said, tuple[float, float], Said]:
    return {"spanmeter.operation": operation, DOCUMENTS: sizes}, at, {"kind": Span.SPAN_KIND_INTERNAL, **TRACE}


def asked_with(bytes_: int, at: tuple[float, float], **more: Any) -> tuple[Said, tuple[float, float], Said]:
    return call(MINI | {HASH: f"{next(_NUMBERS):016x}", BYTES: bytes_} | more, at, **TRACE)


def test_documents_beyond_the_first_are_not_asked_with(take: Take, ask: Ask) -> None:
    take(
        found("retrieval", "900 900 900 900", (0, 1)),
        found("track", "900 600 300 100", (0, 2)),
        asked_with(4000, (2, 3)),
        asked_with(1800, (3, 4)),  # too short a prompt for all of them
        found("postprocess", "900 600", (4, 5)),
        asked_with(4000, (5, 6), **{"gen_ai.usage.cache_read.input_tokens": 900}),
        asked_with(4000, (6, 7)),
        call(MINI | {HASH: A, BYTES: 4000}, (8, 9)),  # of another trace
    )
    # Of 1000 tokens the share of 400 of 4000 bytes at 0.15 a million; of 1000, and of 600 twice, once 15 tokens at that
    # and 135 cached ones at 0.075.
    assert figures(ask(("top_k", "2")), "calls", "input_tokens", "saved_usd") == {"top_k": (1, 100, "0.000015")}
    assert figures(ask(("top_k", "1")), "calls", "input_tokens", "saved_usd") == {"top_k": (3, 550, "0.000072375")}
    assert figures(ask(), "calls") == {}


def test_documents_of_all_searches_of_a_call_count_but_not_those_that_were_put_together(take: Take, ask: Ask) -> None:
    take(
        found("retrieval", "100 200", (0, 1)),
        found("retrieval", "100 300", (0.2, 1.5)),
        asked_with(4000, (2, 3)),
        found("retrieval", "100 400", (3, 4)),  # an agent's next search
        asked_with(4000, (5, 6)),
        found("retrieval", "100 800", (7, 8)),
        found("rerank", "100 600", (8, 8.5)),
        found("retrieval", "100 800", (8, 9)),
        asked_with(4000, (9, 10)),
    )
    # Of 1000 tokens the shares of 200 + 300, of 400, and of 600 + 800 of 4000 bytes, at 0.15 a million.
    assert figures(ask(("top_k", "1")), "calls", "input_tokens", "saved_usd") == {"top_k": (3, 575, "0.00008625")}


def test_documents_that_a_providers_cache_kept_are_cheaper(take: Take, ask: Ask) -> None:
    written = {HASH: A, BYTES: 4000, "gen_ai.usage.cache_read.input_tokens": 200} | WRITTEN
    take(found("retrieval", "900 1000", (0, 1)), call(SONNET | written, (1, 2), **TRACE))
    # A quarter of 200 plain tokens at 3 a million, of 200 read at 0.30 and of 600 written at 3.75, which nobody read
    # and which were plain input then.
    answer = ask(("top_k", "1"), now=datetime(2026, 11, 22, 13, 4, tzinfo=UTC))
    assert figures(answer, "input_tokens", "saved_usd") == {"top_k": (250, "0.0007275")}


def test_examples_are_the_calls_that_save_most(take: Take, ask: Ask) -> None:
    sizes = [3, 9, 1, 8, 2, 7, 4, 6, 5]
    tokens = "gen_ai.usage.input_tokens"
    take(*(call(MINI | {tokens: 1000 * size}, status=status("error")) for size in sizes))
    take(call(LARGE, status=status("error")), *(call(MINI | {tokens: 10 * size}) for size in sizes))
    shown = {
        row["name"]: [call["usd"] for call in row["examples"]] for row in ask(("input_limit", "8500"))["proposals"]
    }
    assert shown["failed_attempts"] == ["0.0035", "0.00141", "0.00126", "0.00111", "0.00096"]
    assert shown["input_limit"] == ["0.00141"]


def test_what_is_beyond_both_the_documents_and_the_limit_is_cut_once(take: Take, ask: Ask) -> None:
    take(found("retrieval", "1000 1000 1000", (0, 1)), asked_with(4000, (1, 2)))
    # Without 500 of its 1000 tokens 500 are left, of which the limit cuts 200; alone it cuts 700. At 0.15 a million.
    answer = ask(("top_k", "1"), ("input_limit", "300"))
    assert figures(answer, "input_tokens", "alone_usd", "saved_usd") == {
        "top_k": (500, "0.000075", "0.000075"),
        "input_limit": (700, "0.000105", "0.00003"),
    }


def _long(*prefixes: str, bytes_: int = 8192, tokens: int = 2560, **more: Any) -> Said:
    own = {HASH: f"{next(_NUMBERS):016x}"}
    return SONNET | own | {PREFIXES: "".join(prefixes), BYTES: bytes_, "gen_ai.usage.input_tokens": tokens} | more


def test_shared_beginnings_are_read_from_the_providers_cache(take: Take, ask: Ask) -> None:
    take(
        call(_long(A)),
        call(_long(A), (100, 101)),
        call(_long(A), (200, 201)),
        call(_long(B), (200, 201)),
        call(_long(A), (600, 601)),
    )
    # Half of 2560 tokens is the shared half of each prompt. The first writes 1280 at 3.75 instead of 3, two read them
    # at 0.30; the third is asked by nobody within 5 minutes any more, and the last comes too late.
    saved = 2 * 1280 * Decimal("2.70") - 1280 * Decimal("0.75")
    assert figures(ask(), "calls", "input_tokens", "saved_usd") == {
        "prompt_cache": (3, 2560, f"{saved.scaleb(-6).normalize():f}")
    }


@pytest.mark.parametrize(
    "more",
    [{"tokens": 2000}, {"gen_ai.usage.cache_read.input_tokens": 2000}],
    ids=["less than 1,024 tokens", "read already"],
)
def test_what_no_cache_takes_or_has_is_not_proposed(take: Take, ask: Ask, more: Said) -> None:
    take(call(_long(A, **more)), call(_long(A, **more), (100, 101)))
    assert figures(ask(), "calls") == {}


def test_spans_of_an_older_version_tell_the_same(store_url: str, store: Store, take: Take, ask: Ask) -> None:
    take(call(_long(A)), call(_long(A), (100, 101)), call(SMALL | {HASH: B, BYTES: 400, REPEATED: 100}, (5, 6)))
    take(found("retrieval", "9 9", (0, 1)), asked_with(100, (1, 2)))
    told = ask(("top_k", "1"))
    assert figures(told, "calls") == {"embedding_cache": (1,), "top_k": (1,), "prompt_cache": (2,)}
    with store._reader() as client:
        for name in (
            "asked_prefixes",
            "asked_bytes",
            "asked_before_bytes",
            "asked_tier",
            "asked_region",
            "document_bytes",
        ):
            client.command(f"ALTER TABLE {store.layout.altered('spans')} DROP COLUMN {name}")
    Store.open(store_url).close()
    assert ask(("top_k", "1")) == told


def test_another_model_is_priced_with_the_same_tokens(take: Take, ask: Ask) -> None:
    dated = LARGE | {"gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.usage.cache_read.input_tokens": 200}
    take(call(dated | {"spanmeter.feature": "search"}), call(dated), call(MINI | {"spanmeter.feature": "search"}))
    # 800 at 2.35, 200 at 1.175 and 100 at 9.40 a million less.
    answer = ask(("swap", "gpt-4o=gpt-4o-mini,feature=search"))
    assert figures(answer, "calls", "alone_usd", "saved_usd") == {"swap": (1, "0.003055", "0.003055")}
    assert figures(ask(("swap", "gpt-4o=gpt-4o-mini")), "calls", "saved_usd") == {"swap": (2, "0.00611")}


def test_another_providers_model_and_a_dearer_one_are_told_as_they_are(take: Take, ask: Ask) -> None:
    take(call(MINI))
    # 1000 at 3 and 100 at 15 instead of 0.15 and 0.60 a million.
    answer = ask(("swap", "gpt-4o-mini=claude-sonnet-4-5,at=anthropic"))
    assert figures(answer, "saved_usd") == {"swap": ("-0.00429",)}


def test_a_swap_has_the_prices_of_the_time(store: Store, take: Take, tmp_path: Any) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(
        '[[price]]\nprovider = "openai"\nmodel = "gpt-4o-mini"\nend = 2026-11-22T13:00:02Z\n'
        "usd_per_mtok = { input = 1, output = 1 }\n"
    )
    take(call(LARGE), call(LARGE, (2, 3)))
    book = PriceBook.load(prices=prices)
    selection = read_selection([("swap", "gpt-4o=gpt-4o-mini")], OPTIONS, now=NOW)
    # Until two seconds past the hour it costs 1 a million, 0.0011 in all; then the list price holds, 0.00021.
    assert figures(answer_savings(store, book, selection, now=NOW).model_dump(), "saved_usd") == {"swap": ("0.00569",)}


def test_what_nobody_waits_for_goes_at_the_batch_tier(take: Take, ask: Ask) -> None:
    take(
        call(LARGE | {"spanmeter.tag.offline": "true"}),
        call(LARGE | {"spanmeter.feature": "nightly"}),
        call(LARGE | {"spanmeter.feature": "nightly", "openai.response.service_tier": "batch"}),
        call(LARGE),
    )
    assert figures(ask(), "calls", "saved_usd") == {"batch": (1, "0.00175")}
    assert figures(ask(("offline", "feature=nightly")), "calls", "saved_usd") == {"batch": (2, "0.0035")}


def test_what_has_no_price_is_not_saved(take: Take, ask: Ask) -> None:
    mystery = MINI | {"gen_ai.request.model": "mystery-1"}
    take(call(mystery | {HASH: A}), call(mystery | {HASH: A}, (5, 6)), call(MINI))
    answer = ask(("swap", "gpt-4o-mini=mystery-1"))
    assert figures(answer, "calls", "unpriced_calls", "alone_usd", "saved_usd") == {
        "answer_cache": (1, 1, None, None),
        "swap": (1, 1, None, None),
    }
    assert (answer["unpriced_calls"], answer["spend_usd"], answer["saved_usd"]) == (2, "0.00021", "0")


def test_a_dollar_goes_to_the_first_that_saves_it(take: Take, ask: Ask) -> None:
    take(
        call(LARGE | {HASH: A}),
        call(LARGE | {HASH: A}, (5, 6)),
        call(LARGE | {"spanmeter.tag.offline": "yes"}, (5, 6)),
        call(LARGE | {HASH: A}, (7, 8), status=status("error")),
    )
    answer = ask(("swap", "gpt-4o=gpt-4o-mini"), ("input_limit", "600"))
    # A call costs 0.0035; cut to 600 tokens 0.0025, by the other model then 0.00015, in a batch half of that.
    assert figures(answer, "calls", "alone_usd", "saved_usd") == {
        "failed_attempts": (1, "0.0035", "0.0035"),
        "answer_cache": (2, "0.007", "0.0035"),
        "input_limit": (4, "0.004", "0.002"),
        "swap": (4, "0.01316", "0.0047"),
        "batch": (1, "0.00175", "0.000075"),
    }
    assert (answer["spend_usd"], answer["saved_usd"]) == ("0.014", "0.013775")


def test_calls_are_selected_as_by_other_questions(take: Take, ask: Ask) -> None:
    for tenant in ("acme", "globex"):
        more = {"spanmeter.tenant": tenant, "spanmeter.tag.branch": "main", HASH: A}
        take(call(MINI | more), call(MINI | more, (5, 6)))
    assert figures(ask(), "calls") == {"answer_cache": (2,)}
    assert figures(ask(("tenant", "acme"), ("tag.branch", "main")), "calls") == {"answer_cache": (1,)}
    assert ask(("tenant", "nobody"))["calls"] == 0


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (("swap", "gpt-4o"), "swap='gpt-4o' is not allowed; allowed: MODEL=OTHER[,DIM=VALUE…][,at=PROVIDER] such as"),
        (("swap", "a=b,colour=red"), "swap='a=b,colour=red' names 'colour'; allowed: minute, hour, day, service,"),
        (("offline", "nightly"), "offline='nightly' is not allowed; allowed: DIM=VALUE[,DIM=VALUE…] such as"),
        (("tier", "cheap"), "tier='cheap' is not allowed; allowed: batch, flex"),
        (("input_limit", "-1"), "input_limit='-1' is not allowed; allowed: a whole number from 0 to 10000000"),
        (("top_k", "many"), "top_k='many' is not allowed; allowed: a whole number from 0 to 100"),
        (("ttl", "1s"), "ttl='1s' is not allowed; allowed: a length from 1m to 30d such as 1h or 24h"),
        (("component", "input"), "unknown parameter 'component'; allowed: since, until, swap, offline, tier,"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_wrong_question_is_told_what_is_allowed(ask: Ask, query: tuple[str, str], sentence: str) -> None:
    with pytest.raises(QuestionError) as refused:
        ask(query)
    assert str(refused.value).startswith(sentence)


def _random_calls(chance: random.Random) -> list[tuple[Said, tuple[float, float], Said]]:
    """Calls of which any may be anything at once: repeated, wasted, too long, shared, offline, of any model."""
    calls = []
    for _ in range(chance.randint(20, 60)):
        start = chance.uniform(0, 4000)
        tokens = chance.choice([500, 5000, 300_000])
        models: list[Said] = [MINI, LARGE, SONNET, SMALL, MINI | {"gen_ai.request.model": "mystery-1"}]
        said = chance.choice(models) | {
            "gen_ai.usage.input_tokens": tokens,
            "gen_ai.usage.output_tokens": chance.choice([0, 100]),
            "gen_ai.usage.cache_read.input_tokens": chance.choice([0, tokens // 2]),
        }
        said |= chance.choice([{}, {HASH: chance.choice([A, B])}])
        said |= chance.choice([{}, {HASH: f"{next(_NUMBERS):016x}", PREFIXES: chance.choice([A, A + B]), BYTES: 9000}])
        said |= chance.choice([{}, {BYTES: 9000, REPEATED: chance.choice([10, 9000, 20_000])}])
        said |= chance.choice([{}, {"spanmeter.tag.offline": "1"}, {"spanmeter.outcome": "cancelled"}])
        said |= chance.choice([{}, {}, {"spanmeter.reported_cost.usd": "0.000001"}])
        if said["gen_ai.request.model"] == "claude-sonnet-4-5":
            said |= chance.choice([{}, dict.fromkeys(WRITTEN, tokens // 4)])
        more = {"status": status("error")} if chance.random() < 0.2 else {}
        calls.append((said, (start, start + chance.uniform(0, 30)), more))
    return calls


def _random_searches(chance: random.Random) -> list[tuple[Said, tuple[float, float], Said]]:
    """Searches with the calls that were asked with what they found, some of them with beginnings that others share."""
    told = []
    for number in range(1, 11):
        trace, start = {"trace_id": number.to_bytes(16)}, chance.uniform(0, 4000)
        sizes = " ".join(str(chance.randint(0, 4000)) for _ in range(chance.randint(1, 5)))
        told.append((*found("retrieval", sizes, (start, start + 1))[:2], trace))
        more = {PREFIXES: chance.choice([A, A + B]), "gen_ai.usage.input_tokens": chance.choice([1500, 5000])}
        said, at, _ = asked_with(9000, (start + 1, start + 2), **more)
        told.append((said, at, trace))
    return told


def _cut(monkeypatch: pytest.MonkeyPatch, *, calls: int) -> None:
    """Have periods gone over in pieces of so many calls."""
    monkeypatch.setattr(savings, "_FEW_CALLS", 0)
    monkeypatch.setattr(savings, "_CALLS_AT_ONCE", calls)


@pytest.mark.parametrize("seed", range(3))
def test_no_dollar_is_saved_twice(
    store: Store, take: Take, ask: Ask, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    take(*_random_calls(chance), *_random_searches(chance))
    query = [
        ("input_limit", "2000"),
        ("top_k", "2"),
        ("swap", "gpt-4o=gpt-4o-mini"),
        ("ttl", chance.choice(["10m", "24h"])),
    ]
    _cut(monkeypatch, calls=chance.choice([10, 1_000_000]))

    answer = ask(*query)

    rows = answer["proposals"]
    spend = Decimal(answer["spend_usd"])
    saved = {row["name"]: Decimal(row["saved_usd"] or 0) for row in rows}
    alone = {row["name"]: Decimal(row["alone_usd"] or 0) for row in rows}
    assert len(figures(answer, "calls")) >= 5
    assert answer_cost(store, read_selection([], COST_OPTIONS, now=NOW)).total.cost_usd == answer["spend_usd"]
    assert sum(saved.values()) == Decimal(answer["saved_usd"])
    assert 0 < sum(saved.values()) <= spend
    assert all(0 <= amount <= spend for name, amount in {**alone, **saved}.items() if name != "swap")
    for name in ("failed_attempts", "aborted_streams"):  # nobody comes before them
        assert saved[name] == alone[name]
    for name in ("answer_cache", "embedding_cache", "unread_cache_writes", "top_k", "input_limit"):
        assert saved[name] <= alone[name]


def test_a_period_in_pieces_has_the_figures_of_the_whole(take: Take, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    take(*_random_calls(random.Random(7)), *_random_searches(random.Random(7)))
    query = [("input_limit", "2000"), ("top_k", "2"), ("ttl", "10m")]
    whole = ask(*query)
    _cut(monkeypatch, calls=7)
    pieces = ask(*query)

    def without_examples(answer: dict[str, Any]) -> dict[str, Any]:
        return answer | {"proposals": [row | {"examples": len(row["examples"])} for row in answer["proposals"]]}

    assert without_examples(pieces) == without_examples(whole)


def test_what_a_piece_came_to_is_known_until_rows_or_prices_change(
    store: Store, take: Take, book: PriceBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    query = store.query

    def counted(name: str, *rest: Any) -> list[dict[str, Any]]:
        asked.append(name)
        return query(name, *rest)

    monkeypatch.setattr(store, "query", counted)
    _cut(monkeypatch, calls=1)
    selection = read_selection([("ttl", "1h"), ("since", "6h")], OPTIONS, now=NOW)

    def saved(book: PriceBook, *, hours: int = 1) -> tuple[str, int]:
        """What a cache would have saved, and how many pieces were gone over for it."""
        asked.clear()
        answer = answer_savings(store, book, selection, now=NOW + timedelta(hours=hours))
        return answer.saved_usd, asked.count("savings")

    take(*(call(MINI | {HASH: A}, (at, at + 1)) for at in (-14_000, -13_900, 0, 100)))

    assert saved(book, hours=0) == ("0.00042", 6)
    assert saved(book) == ("0.00042", 1)  # the last hour could still have changed
    assert saved(book) == ("0.00042", 0)
    take(call(MINI | {HASH: A}, (-13_800, -13_799)))
    assert saved(book) == ("0.00063", 3)  # an hour, and those beside it
    assert saved(copy.copy(book)) == ("0.00063", 6)
