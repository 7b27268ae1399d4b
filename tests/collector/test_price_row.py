"""What the engine charges with rows of prices is held to what Python charges."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanmeter.pricing import PriceBook, PriceKey
from spanmeter_collector.incoming import Received
from spanmeter_collector.posting import post
from spanmeter_collector.price_row import PriceRow
from spanmeter_collector.store import Store

MakeRequest = Callable[..., ExportTraceServiceRequest]

CALLS: Final = 1500
START: Final = 1_795_352_400_000_000_007
DAY_NS: Final = 86_400_000_000_000
MODELS: Final = [
    *(("openai", "gpt-4o-mini"), ("openai", "gpt-5"), ("openai", "text-embedding-3-small"), ("openai", "ours-1")),
    *(("anthropic", "claude-sonnet-4-5"), ("gcp.gemini", "gemini-2.5-pro"), ("deepseek", "deepseek-chat")),
    *(("perplexity", "sonar"), ("ollama", "llama3"), ("openai", "odd"), ("openai", "free")),
]
COUNTS: Final = [
    "input_tokens",
    "output_tokens",
    "cache_read.input_tokens",
    "cache_creation.input_tokens",
    "reasoning.output_tokens",
]
OWN_COUNTS: Final = ["cache_write_5m", "cache_write_1h", "input_audio", "web_searches"]
NUMBERS: Final = [0, 1, 2, 7, 999, 1000, 200_001, 987_654_321, 10**10, -1, "12", "007", "x", "", "+5", "1.0", " 3", 2.5]
OTHERS: Final[dict[str, list[Any]]] = {
    "gen_ai.response.time_to_first_chunk": [
        0.31,
        0.0,
        12,
        "0.1234567899",
        "1e-3",
        -1.0,
        "x",
        1e-7,
        999999.999999999999,
    ],
    "spanmeter.usage.grade": ["estimated", ""],
    "spanmeter.tag.branch": ["main", ""],
    "spanmeter.tag.build": [7, True],
    "spanmeter.tenant": ["acme", "other", ""],
    "user.id": ["u1", "u2"],
    "openai.response.service_tier": ["flex", "default"],
    "spanmeter.outcome": ["cancelled", "ok"],
    "spanmeter.wrapper": [True, False],
    "spanmeter.calls": [0, 2],
    "spanmeter.reported_cost.usd": ["0.01", -1],
}
PRICES: Final = """
[[price]]
provider = "openai"
model = "odd"
usd_per_mtok = { input = 0.0000000000003, output = 0.0000005 }

[[price]]
provider = "openai"
model = "free"
usd_per_mtok = { input = 0, output = 0 }
"""
OF_TENANT: Final = """
[[price]]
provider = "openai"
model = "gpt-4o-mini"
tenant = "acme"
usd_per_mtok = { input = 0.1 }
"""


@pytest.fixture
def by_python(store_url: str) -> Iterator[Store]:
    """An empty store whose engine reads no spans, as a server's."""
    Store.open(f"{store_url}_by_python").close()
    embedded = Store.open(f"{store_url}_by_python")
    opened = Store(embedded._connect, directory=None, layout=embedded.layout)
    yield opened
    opened.close()
    embedded.close()


def some_keys(choose: random.Random) -> list[str]:
    """The keys of the calls of one place in a program."""
    counts = [f"gen_ai.usage.{count}" for count in choose.sample(COUNTS, choose.randint(1, 5))]
    counts += [f"spanmeter.usage.{count}" for count in choose.sample(OWN_COUNTS, choose.choice([0, 0, 0, 1, 2]))]
    return [*counts, *choose.sample([*OTHERS], choose.choice([0, 0, 1, 2, 3]))]


def some_call(choose: random.Random, number: int, keys: list[str]) -> Span:
    provider, model = choose.choice(MODELS)
    numbers = NUMBERS if choose.random() < 0.1 else NUMBERS[:8]
    said: dict[str, Any] = {
        "gen_ai.operation.name": choose.choice(["chat", "chat", "embeddings"]),
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        **{key: choose.choice(OTHERS.get(key, numbers)) for key in keys},
    }
    span = Span(
        trace_id=choose.randbytes(16),
        span_id=number.to_bytes(8, "big"),
        name="chat",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=START + choose.randrange(3 * DAY_NS),
        status=Status(code=choose.choice([Status.STATUS_CODE_UNSET, Status.STATUS_CODE_OK, Status.STATUS_CODE_ERROR])),
    )
    span.end_time_unix_nano = span.start_time_unix_nano + choose.choice([0, 5, 10**9, DAY_NS])
    for key, value in said.items():
        kind = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}[type(value)]
        setattr(span.attributes.add(key=key).value, kind, value)
    return span


def ledger(store: Store) -> list[tuple[Any, ...]]:
    with store._reader() as client:
        columns = client.query("SELECT * EXCEPT time, toString(time) FROM charges ORDER BY span_id, component")
        found: list[tuple[Any, ...]] = columns.result_rows
        return found


@pytest.mark.parametrize(
    ("seed", "prices", "fewest"), [(1, "", 300), (2, PRICES, 300), (3, OF_TENANT, 300)], ids=["list", "own", "tenant"]
)
def test_the_engine_charges_what_python_charges(  # noqa: PLR0913, PLR0917  two stores and what differs
    store: Store, by_python: Store, request_of: MakeRequest, tmp_path: Path, seed: int, prices: str, fewest: int
) -> None:
    choose = random.Random(seed)
    places = [some_keys(choose) for _ in range(12)]
    request = request_of(*(some_call(choose, number, choose.choice(places)) for number in range(1, CALLS + 1)))
    request.resource_spans[0].scope_spans[0].scope.name = "spanmeter.langchain"
    (tmp_path / "prices.toml").write_text(prices, encoding="utf-8")
    book = PriceBook.load(prices=tmp_path / "prices.toml")
    received = [Received.of(request, 1)]

    batch = post(received, store=store, book=book, recorded_at=2)
    store.write(batch, token="1")
    by_python.write(post(received, store=by_python, book=book, recorded_at=2), token="1")

    assert batch.staged is not None
    assert batch.staged.calls > fewest
    assert ledger(store) == ledger(by_python) != []


def test_a_row_has_the_prices_of_each_length_of_input() -> None:
    row = PriceRow.of(PriceBook.load(prices=""), PriceKey("openai", "gpt-4o-mini"), shape=1, day=20_000, estimated=True)
    priced = 150_000_000_000, 75_000_000_000, 150_000_000_000, 150_000_000_000, 600_000_000_000, 600_000_000_000
    assert row == PriceRow(1, 20_000, "estimated", [], [list(priced)])


@pytest.mark.parametrize("key", [PriceKey("perplexity", "sonar"), PriceKey("deepseek", "deepseek-chat")])
def test_what_is_paid_by_request_or_hour_has_none(key: PriceKey) -> None:
    assert PriceRow.of(PriceBook.load(prices=""), key, shape=1, day=20_000, estimated=False) is None
