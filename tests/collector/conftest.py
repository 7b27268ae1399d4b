"""A real store: one embedded engine a test process, a database of it that is empty for each test."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import clickhouse_connect
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector.api import create_api
from spanmeter_collector.batch import Batch
from spanmeter_collector.charge import Charge
from spanmeter_collector.row import Row
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store

_NUMBERS = itertools.count(1)
NOON: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)

Known = dict[str, Any]


@pytest.fixture(scope="session")
def engine_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one directory that the embedded engine holds in this process."""
    return tmp_path_factory.mktemp("engine") / "store"


class Databases:
    """Empty databases: to empty one takes the engine a fortieth of making one, and it minds every one there is."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._numbers = itertools.count(1)
        self._empty: list[str] = []
        self._whole: Known = {}

    def take(self) -> str:
        """The name of one that nobody uses."""
        return self._empty.pop() if self._empty else f"test_{next(self._numbers)}"

    def know(self, database: str) -> None:
        """What a store makes of its database."""
        self._whole = self._whole or self._tables(database)

    def give_back(self, database: str) -> None:
        """Empty one for the next test, or drop it when its tables are not those of a store."""
        for (name,) in self._ask(f"SELECT name FROM system.databases WHERE startsWith(name, '{database}_')"):
            self._engine.command(f"DROP DATABASE {name} SYNC")
        tables = self._tables(database)
        if not tables or tables != self._whole:
            self._engine.command(f"DROP DATABASE IF EXISTS {database} SYNC")
            return
        for name, told in tables.items():
            if "MergeTree" in told:
                self._engine.command(f"TRUNCATE TABLE {database}.{name} SYNC")
        self._empty.append(database)

    def _tables(self, database: str) -> Known:
        asked = f"SELECT name, create_table_query FROM system.tables WHERE database = '{database}' AND name != 'staged'"
        return {name: told.replace(f"{database}.", "") for name, told in self._ask(asked)}

    def _ask(self, sql: str) -> list[Any]:
        return list(self._engine.query(sql).result_rows)


@pytest.fixture(scope="session")
def databases(engine_path: Path) -> Iterator[Databases]:
    """The databases of this process's engine."""
    with closing(clickhouse_connect.get_client(interface="chdb", path=str(engine_path))) as engine:
        yield Databases(engine)


@pytest.fixture
def store_url(engine_path: Path, databases: Databases) -> Iterator[str]:
    """The address of an empty database."""
    database = databases.take()
    yield f"chdb://{engine_path}?database={database}"
    databases.give_back(database)


@pytest.fixture
def store(store_url: str, databases: Databases) -> Iterator[Store]:
    """An empty store."""
    opened = Store.open(store_url)
    databases.know(store_url.rpartition("=")[2])
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of what stands in for a ClickHouse server: `clickhouse_shim.py`, before the same engine."""
    shim = Path(__file__).with_name("clickhouse_shim.py")
    command = [sys.executable, str(shim), str(tmp_path_factory.mktemp("server"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


@pytest.fixture
def server_url(server: int) -> Iterator[str]:
    """The address of an empty database there, asked through clickhouse-connect's HTTP client."""
    name = f"test_{next(_NUMBERS)}"
    with clickhouse_connect.get_client(host="127.0.0.1", port=server, autogenerate_session_id=False) as client:
        client.command(f"CREATE DATABASE {name}")
        yield f"clickhouse://ada:secret@127.0.0.1:{server}/{name}"
        client.command(f"DROP DATABASE {name}")


ANSWER: Final = bytes.fromhex("01" * 16)
NIGHTLY: Final = bytes.fromhex("02" * 16)
PEOPLE: Final[Known] = {
    "service": "shop-rag",
    "user": "u1",
    "session": "s1",
    "tenant": "acme",
    "feature": "search",
    "team": "core",
}
MINI: Final[Known] = {
    "framework": "langchain",
    "operation": "chat",
    "provider": "openai",
    "model": "gpt-4o-mini",
}
SMALL: Final[Known] = {
    "framework": "llama_index",
    "operation": "embeddings",
    "provider": "openai",
    "model": "e-small",
}
MYSTERY: Final[Known] = {
    "framework": "langchain",
    "operation": "chat",
    "provider": "acme-ai",
    "model": "mystery-1",
}


@pytest.fixture(scope="session")
def known_batch() -> Batch:
    """Two traces of 2026-11-22: an answer by two frameworks, and a job with an unknown price."""
    return Batch(rows=[*_answer_rows(), *_nightly_rows()], charges=_charges())


@pytest.fixture(scope="session")
def known(engine_path: Path, known_batch: Batch) -> Iterator[Store]:
    """A store with the known batch, to be read only."""
    store = Store.open(f"chdb://{engine_path}?database=known")
    store.write(known_batch, token="known")
    yield store
    store.close()


def client_of(store: Store, status: Status) -> httpx.AsyncClient:
    """A client of the API over ASGI, at noon of the day of the known batch."""
    api = create_api(store=store, status=status, now=lambda: NOON)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url="http://sidecar")


@pytest.fixture
async def client(known: Store) -> AsyncIterator[httpx.AsyncClient]:
    """The same on the known batch."""
    async with client_of(known, Status()) as client:
        yield client


def _at(clock: str) -> int:
    return round(datetime.fromisoformat(f"2026-11-22T{clock}").replace(tzinfo=UTC).timestamp() * 1000) * 1_000_000


def _row(trace_id: bytes, span: int, parent: int, *, at: str, ms: int, **known: Any) -> Row:
    kinds = Row.__annotations__.items()
    blank: Known = {name: {"str": "", "int": 0, "bool": False}.get(kind.__forward_arg__, {}) for name, kind in kinds}
    ids = {"trace_id": trace_id, "span_id": span.to_bytes(8), "parent_span_id": parent.to_bytes(8)}
    times = {"start_time": _at(at), "duration_ns": ms * 1_000_000, "received_at": _at(at) // 1_000_000}
    usual = {"kind": "internal", "status": "ok", "service": "batch", "events": "[]"}
    return Row(**{**blank, **ids, **times, **usual, "request_model": known.get("model", ""), **known})


def _answer_rows() -> list[Row]:
    tag = {"attributes": {"spanmeter.tag.branch": "main"}}
    call = MINI | {"scope": "spanmeter.langchain", "first_chunk_ns": 250_000_000, "events": EVENTS} | tag
    used = {"input_tokens": 300, "cached_input_tokens": 100, "output_tokens": 50, "reasoning_tokens": 20}
    return [
        _row(
            ANSWER, 1, 0, at="10:00:00", ms=2000, name="rag.answer", operation="chain", framework="langchain", **PEOPLE
        ),
        _row(ANSWER, 2, 1, at="10:00:00.100", ms=300, name="retrieve", operation="retrieval", **PEOPLE),
        _row(ANSWER, 3, 2, at="10:00:00.200", ms=100, name="embeddings e-small", input_tokens=12, **SMALL, **PEOPLE),
        _row(ANSWER, 4, 1, at="10:00:00.500", ms=1400, name="chat wrapper", wrapper=True, **MINI, **PEOPLE),
        _row(ANSWER, 5, 4, at="10:00:00.600", ms=1250, name="chat gpt-4o-mini", **call, **used, **PEOPLE),
    ]


EVENTS: Final = '[{"name": "retry", "time": 1795341601000000000, "attributes": {"attempt": "2"}}]'


def _nightly_rows() -> list[Row]:
    failed = {"status": "error", "error_type": "RateLimitError"}
    hit = {"attributes": {"spanmeter.cache.hit": "true"}}
    return [
        _row(NIGHTLY, 1, 0, at="11:30:00", ms=900, name="nightly", operation="chain"),
        _row(NIGHTLY, 2, 1, at="11:30:00", ms=400, name="chat mystery-1", input_tokens=40, output_tokens=8, **MYSTERY),
        _row(NIGHTLY, 3, 1, at="11:30:00.400", ms=500, name="chat gpt-4o-mini", **MINI, **failed),
        _row(NIGHTLY, 4, 1, at="11:30:00.900", ms=0, name="chat gpt-4o-mini", **MINI, **hit),
    ]


def _charges() -> list[Charge]:
    tags: Known = {"tags": {"branch": "main"}}
    small: Known = (
        {"at": "10:00:00.200", "trace_id": ANSWER, "span": 3, "grade": "computed", "tags": {}} | SMALL | PEOPLE
    )
    mini: Known = {"at": "10:00:00.600", "trace_id": ANSWER, "span": 5, "grade": "computed"} | MINI | PEOPLE | tags
    mystery: Known = {
        "at": "11:30:00",
        "trace_id": NIGHTLY,
        "span": 2,
        "grade": "unpriced",
        "service": "batch",
        "tags": {},
    }
    unpriced: Known = mystery | MYSTERY | {"usd": None}
    nightly: Known = {"trace_id": NIGHTLY, "service": "batch", "tags": {}} | MINI
    wrong: Known = small | {"entry": "reversal"}
    return [
        _charge("call", 1, calls=1, **small),
        _charge("input", 12, price="0.000002", input_tokens=12, **small),
        _charge("input", -12, price="0.000002", input_tokens=-12, **wrong),
        _charge("input", 12, price="0.00000002", input_tokens=12, **small),
        _charge("call", 1, calls=1, **mini),
        _charge("input", 200, price="0.00000015", input_tokens=200, **mini),
        _charge("cache_read", 100, price="0.000000075", input_tokens=100, cached_input_tokens=100, **mini),
        _charge("output", 30, price="0.0000006", output_tokens=30, **mini),
        _charge("reasoning", 20, price="0.0000006", output_tokens=20, reasoning_tokens=20, **mini),
        _charge("call", 1, calls=1, unpriced_calls=1, **unpriced),
        _charge("input", 40, input_tokens=40, **unpriced),
        _charge("output", 8, output_tokens=8, **unpriced),
        _charge("call", 1, at="11:30:00.400", span=3, failed_calls=1, **nightly),
        _charge("call", 1, at="11:30:00.900", span=4, cache_hits=1, **nightly),
    ]


def _charge(component: str, quantity: int, *, at: str, span: int, price: str | None = None, **known: Any) -> Charge:
    priced = {} if price is None else {"usd_per_unit": Decimal(price), "usd": Decimal(price) * quantity}
    ids = {"span_id": span.to_bytes(8), "time": _at(at), "recorded_at": _at(at) // 1_000_000}
    unit = "call" if component == "call" else "token"
    rest = {"entry": "charge", "price_version": "v1", "component": component, "quantity": quantity, "unit": unit}
    return Charge(**{**rest, **ids, **priced, **known})


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A running sidecar: where its doors are, and its process."""

    process: subprocess.Popen[str]
    http: str
    grpc: str

    def get(self, path: str) -> Any:
        """The JSON answer to GET."""
        return httpx.get(self.http + path).json()

    def post(self, path: str, body: bytes, **headers: str) -> httpx.Response:
        """POST a body; header names have _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(self.http + path, content=body, headers=named, timeout=30)

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = [line for line in httpx.get(f"{self.http}/metrics").text.splitlines() if line.startswith(name)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def counts(self, name: str, expected: float) -> bool:
        """Whether the sidecar comes to tell this number, within 20 s."""
        deadline = time.monotonic() + 20
        while (told := self.metric(name)) != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        return told == expected

    def settle(self) -> None:
        """Wait until every acknowledged span is stored."""
        deadline = time.monotonic() + 20
        while pending := self.metric("spanmeter_collector_pending_spans"):
            assert time.monotonic() < deadline, f"{pending} spans are pending after 20 s"
            time.sleep(0.05)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.terminate()
        return self.process.wait(30)


StartSidecar = Callable[..., Sidecar]


def _start(data_dir: Path, variables: dict[str, str]) -> Sidecar:
    free = {"LISTEN": "127.0.0.1:0", "GRPC_LISTEN": "127.0.0.1:0", "DATA_DIR": str(data_dir)} | variables
    environ = {"PATH": os.environ["PATH"], "HOME": str(data_dir)}
    environ |= {f"SPANMETER_{name}": value for name, value in free.items()}
    command = [sys.executable, "-m", "spanmeter_collector", "collector"]
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    last = ""
    for line in process.stderr:
        if '"message": "ready"' in line:
            ready = json.loads(line)
            return Sidecar(process, f"http://{ready['http']}", ready["grpc"])
        last = line.strip()
    process.stderr.close()
    raise NotStartedError(f"{process.wait()} {last}")


def _end(sidecar: Sidecar) -> None:
    sidecar.process.kill()
    sidecar.process.wait()
    if sidecar.process.stderr is not None:
        sidecar.process.stderr.close()


class NotStartedError(Exception):
    """The exit status and the last line that the sidecar wrote instead of starting."""


@pytest.fixture
def start_sidecar(tmp_path: Path) -> Iterator[StartSidecar]:
    """Start sidecars on free ports, by default all on one data directory; keywords are SPANMETER_* variables."""
    started: list[Sidecar] = []

    def start(**variables: str) -> Sidecar:
        started.append(_start(tmp_path / "data", variables))
        return started[-1]

    yield start
    for sidecar in started:
        _end(sidecar)


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """One sidecar for all tests that leave it running; each uses span ids of its own."""
    shared = _start(tmp_path_factory.mktemp("sidecar"), {})
    yield shared
    _end(shared)


def encode_attributes(attributes: Known) -> list[KeyValue]:
    """Attributes as OTLP spells them."""
    return [KeyValue(key=key, value=_encode_value(value)) for key, value in attributes.items()]


def _encode_value(value: Any) -> AnyValue:
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[_encode_value(item) for item in value]))
    kinds = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value", bytes: "bytes_value"}
    return AnyValue(**{kinds[type(value)]: value})


def make_span(number: int = 1, *, name: str = "chat gpt-4o-mini", **fields: Any) -> Span:
    """A span of 2026-11-22T13:00:00Z that took 2 s; `attributes` is a plain dict."""
    attributes = fields.pop("attributes", {})
    known: Known = {
        "trace_id": bytes.fromhex("0a" * 16),
        "span_id": number.to_bytes(8, "big"),
        "start_time_unix_nano": SPAN_START_NS,
        "end_time_unix_nano": SPAN_START_NS + 2_000_000_000,
    }
    return Span(name=name, attributes=encode_attributes(attributes), **(known | fields))


SPAN_START_NS: Final = 1_795_352_400_000_000_007


@pytest.fixture
def span() -> Callable[..., Span]:
    """`make_span`: protobuf spans by number."""
    return make_span


@pytest.fixture
def request_of() -> Callable[..., ExportTraceServiceRequest]:
    """OTLP requests of protobuf spans, all from service shop-rag and scope spanmeter."""

    def make(*spans: Span) -> ExportTraceServiceRequest:
        request = ExportTraceServiceRequest()
        resource_spans = request.resource_spans.add()
        resource_spans.resource.attributes.extend(encode_attributes({"service.name": "shop-rag"}))
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = "spanmeter"
        scope_spans.spans.extend(spans)
        return request

    return make


CALL_ATTRIBUTES: Final = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "gen_ai.usage.cache_read.input_tokens": 200,
}


@pytest.fixture
def call_attributes() -> dict[str, Any]:
    """Of a call that costs $0.000195 at gpt-4o-mini's list price."""
    return dict(CALL_ATTRIBUTES)
