"""The store: observations, ledger and counters in ClickHouse SQL, embedded (chDB) or a server by URL."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from queue import LifoQueue
from string import Template
from tempfile import TemporaryDirectory
from typing import Any, Final, Self, TypeVar
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from spanmeter import semconv
from spanmeter_collector.asker import ASKER, Asker, GoneError
from spanmeter_collector.bill import Bill
from spanmeter_collector.bundle import Bundle
from spanmeter_collector.cache_request import CacheRequest
from spanmeter_collector.charge import Charge
from spanmeter_collector.counter import Counter
from spanmeter_collector.digest import digest
from spanmeter_collector.duplicate import Duplicate
from spanmeter_collector.layout import Layout
from spanmeter_collector.otlp import LAST_NANOSECOND
from spanmeter_collector.recent import Recent, Unknown
from spanmeter_collector.rollup import rollups_sql
from spanmeter_collector.rollup_repair import create_rollups
from spanmeter_collector.row import Row, SpanKey
from spanmeter_collector.staging import Kept, Staged, Staging
from spanmeter_collector.statement import read_sql

_READERS: Final = 4
_EPOCH: Final = date(1970, 1, 1)
_PIECE_BYTES: Final = 2**18
_SLACK_NS: Final = 60_000_000_000
_SETTINGS: Final = {"max_threads": 2, "max_insert_threads": 1}
_LIMITS: Final = {"max_memory_usage": 512 * 2**20, "max_rows_to_group_by": 2_000_000, "max_execution_time": 30}
_WRITE_SETTINGS: Final = {
    "async_insert": 0,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "max_partitions_per_insert_block": 0,
    "optimize_on_insert": 0,  # what views write is grouped already
}
_BILLS: Final = "bills_1"
_TABLES: Final = {
    "spans": Row,
    "charges": Charge,
    _BILLS: Bill,
    "counters": Counter,
    "duplicates": Duplicate,
    "cache_requests": CacheRequest,
}

_logger = logging.getLogger(__name__)

Record = Row | Charge | Bill | Counter | Duplicate | CacheRequest
R = TypeVar("R", Row, Charge, Duplicate)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one write adds: to be stored together under one deduplication token."""

    rows: Sequence[Row] = ()
    charges: Sequence[Charge] = ()
    counters: Sequence[Counter] = ()
    duplicates: Sequence[Duplicate] = ()
    too_old: int = 0
    """How many spans were left out, for their day was dropped."""
    bills: Sequence[Bill] = ()
    """Calls whose entries of the ledger the store makes itself."""
    cache_requests: Sequence[CacheRequest] = ()
    staged: Kept | None = None
    """What of the spans that the engine read last is to be stored."""

    @property
    def spans(self) -> int:
        """How many spans it adds."""
        return len(self.rows) + (len(self.staged.keys) if self.staged else 0)


class ClosedError(RuntimeError):
    """The store was closed; nothing can be asked of it any more."""


class Store:
    """Reads and writes one database; safe to share between threads.

    The embedded engine holds one path per process; a second path in the same process is refused by it.
    """

    def __init__(self, connect: Callable[[], Any], *, directory: Path | None, layout: Layout) -> None:
        self._connect = connect
        self.layout = layout
        self.directory = directory
        """Where the embedded engine keeps everything; None for a server."""
        self._is_embedded = directory is not None
        self._writer = connect()
        self._writing = threading.Lock()
        self._is_torn = False
        self._unfinished: tuple[Batch, str] | None = None
        self._closed = False
        self._writes = 0
        self.ledger = threading.Lock()
        """Held by who reads the ledger and writes what it lacks, so that nobody corrects it in between."""
        self._readers: LifoQueue[Any] = LifoQueue()
        for _ in range(_READERS):
            self._readers.put(None)
        self.closed: frozenset[int] = frozenset()
        """The days, counted from 1970, whose spans retention dropped: spans of theirs are refused as too old."""
        self.read_closed_days()
        self.recent = self._read_recent()
        """What was taken in lately; held together with `ledger`."""
        self._staging = Staging(self._writer) if self._is_embedded else None
        self._columns = {table: _Columns.of(self._writer, table, record) for table, record in _TABLES.items()}

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a store, creating its tables: `chdb:///directory[?database=name]`, or a server.

        `clickhouse://user:password@host:port/database[?cluster=name]`; with a cluster, tables are made on all of it.

        Raises:
            clickhouse_connect.driver.exceptions.Error: the path is in use by another process, or no server answers.
        """
        parts, layout = urlsplit(url), Layout.of(url)
        connect = _connector(url, layout)
        is_embedded = parts.scheme == "chdb"
        schema = (
            read_sql("schema") if is_embedded else ";\n".join([read_sql("schema"), rollups_sql(), read_sql("turns")])
        )
        with closing(connect()) as client:
            for statement in layout.statements(schema):
                client.command(statement)
            if is_embedded:
                create_rollups(client)
        return cls(connect, directory=Path(parts.path) if is_embedded else None, layout=layout)

    def query(
        self, name: str, parameters: Mapping[str, object], fragments: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Ask the question in `sql/<name>.sql` and return its rows by column name.

        `parameters` are bound by ClickHouse (`{name:Type}`). `fragments` replace `$name` in the text and may only
        be made of words of ours. Times come back in UTC where the process runs in UTC, else with their zone.
        """
        sql = Template(read_sql(name)).substitute({"parts": self.layout.parts, **(fragments or {})})
        with self._reader() as client:
            return list(client.query(sql, parameters=dict(parameters), settings=_asked_by()).named_results())

    def records(self, name: str, record: type[R], parameters: Mapping[str, object]) -> list[R]:
        """The same as tuples whose fields are named as the columns; of many rows the quicker way."""
        with self._reader() as client:
            found = client.query(read_sql(name), parameters=dict(parameters))
            columns = dict(zip(found.column_names, found.result_columns, strict=True))
        if not columns:  # the embedded engine answers nothing with nothing, not even names
            return []
        return [record._make(row) for row in zip(*(columns[name] for name in record._fields), strict=True)]

    def stream(
        self, name: str, parameters: Mapping[str, object], fragments: Mapping[str, str], *, written_as: str
    ) -> Iterator[bytes]:
        """The answer to a question in one of ClickHouse's formats, piece by piece, on a connection of its own.

        The embedded engine would hold a whole Parquet file in memory, so it writes that to a temporary file first.
        """
        sql = Template(read_sql(name)).substitute(fragments)
        with closing(self._open()) as client:
            if self._is_embedded and written_as == "Parquet":
                yield from _by_file(client, sql, parameters)
                return
            settings = {"log_comment": asker.name} if (asker := ASKER.get()) else {}
            with client.raw_stream(sql, parameters=dict(parameters), fmt=written_as, settings=settings) as stream:
                while piece := stream.read(_PIECE_BYTES):
                    yield piece

    def stage(self, bundles: Sequence[Bundle], *, content: bool = False) -> Staged | None:
        """Let the engine read spans, to be stored with the next `write`; None where that is not for it to do.

        A server has no business with the bytes that came in, and what the engine cannot read is left to Python.
        """
        if self._staging is None:
            return None
        with self._writing:
            try:
                return self._staging.read(bundles, closed=self.closed, content=content)
            except DatabaseError:
                _logger.warning("the engine cannot read a batch of spans; it is read without it", exc_info=True)
                return None

    def write(self, batch: Batch, *, token: str) -> None:
        """Add a batch; the same token with the same batch adds nothing a second time."""
        with self._writing:
            try:
                self._finish()
                with self._whole(batch, token):
                    self._insert_all(batch, token)
            finally:
                self._writes += 1

    @property
    def written(self) -> int | None:
        """How often it was written to; None for a server, to which others may write."""
        return self._writes if self._is_embedded else None

    def finish(self) -> int:
        """Complete the last write where a server failed in it, before anybody looks at what it left; its spans.

        The server knows the inserts again that it has, and makes up for what its rollups lack of them. What it
        refuses once more, though it can be reached, is given up.
        """
        with self._writing:
            return self._finish()

    def stop(self, asker: Asker) -> None:
        """End the queries under way for somebody who has gone; they fail with an error of the engine's."""
        with closing(self._open()) as client:
            client.query(read_sql("stop"), parameters={"asker": asker.name})

    def execute(self, name: str, parameters: Mapping[str, object], fragments: Mapping[str, str] | None = None) -> None:
        """Run the statement in `sql/<name>.sql`; parameters and fragments as for `query`."""
        sql = Template(read_sql(name)).substitute(fragments or {})
        with self._reader() as client:
            client.command(sql, parameters=dict(parameters))

    def take_turn(self, minute: int, holder: str) -> bool:
        """Whether of all who write to a server this one is the first to ask for a minute, in seconds since 1970.

        The engine keeps one insert of those with one token, whoever sends it.
        """
        with self._writing:
            token = {"insert_deduplication_token": f"turn-{minute}"}
            self._writer.insert("turns", [[minute, holder]], ["minute", "holder"], settings=token)
        return [row["holder"] for row in self.query("turn", {"minute": minute})] == [holder]

    def read_closed_days(self) -> None:
        """Learn which days of spans were dropped."""
        partitions = [row["partition"] for row in self.query("closed_days", {})]
        self.closed = frozenset((datetime.strptime(name, "%Y%m%d").date() - _EPOCH).days for name in partitions)  # noqa: DTZ007

    def known(self, table: str, keys: Collection[SpanKey], *, since_ns: int, until_ns: int) -> dict[SpanKey, str]:
        """Which of the traces' spans, started in the period, table `spans` or `charges` holds already.

        A span that tells of a call is known as "ours" or "others", after whose instrumentation wrote it.
        """
        if not keys:
            return {}
        parameters = of_traces(keys, since_ns=since_ns - _SLACK_NS, until_ns=until_ns + _SLACK_NS)
        found = self.query(f"known_{table}", parameters | {"operations": sorted(semconv.CALL_OPERATIONS)})
        return {(row["trace_id"], row["span_id"]): row["role"] for row in found}

    def _read_recent(self) -> Recent | Unknown:
        """What is known of the store at its opening; others may write to a server, so that nothing is certain there."""
        if not self._is_embedded:
            return Unknown()
        newest = {row["day"]: row["newest"] for row in self.query("newest_starts", {})}
        return Recent(newest, opened_at=time.time_ns())

    def close(self) -> None:
        """Give the store back, after the queries under way have ended; further ones raise `ClosedError`."""
        for _ in range(_READERS):
            client = self._readers.get()
            if client is not None:
                client.close()
        self._closed = True
        for _ in range(_READERS):
            self._readers.put(None)
        with self._writing:
            self._writer.close()

    @contextmanager
    def _whole(self, batch: Batch, token: str) -> Iterator[None]:
        """A write that fails halfway may leave rollups behind their tables; the next one brings them up first.

        In an embedded store by comparing them. A server goes on when we do not, and others may be writing to it: there
        it takes the same inserts once more.
        """
        if self._is_torn and self._is_embedded:
            create_rollups(self._writer)
        self._is_torn = True
        self._unfinished = None if self._is_embedded else (batch, token)
        yield
        self._is_torn, self._unfinished = False, None

    def _finish(self) -> int:
        if self._unfinished is None:
            return 0
        batch, token = self._unfinished
        try:
            self._insert_all(batch, token)
        except OperationalError:
            raise
        except DatabaseError:
            self._unfinished = None
            raise
        self._unfinished = None
        return batch.spans

    def _insert_all(self, batch: Batch, token: str) -> None:
        # First: a stored span is not looked at again, while what it told of caches may be written any number of times.
        self._insert("cache_requests", batch.cache_requests, token)
        self._insert("spans", batch.rows, token)
        self._insert_staged(batch.staged, token)
        self._insert("charges", batch.charges, token)
        self._insert(_BILLS, batch.bills, token)
        self._insert("counters", batch.counters, token)
        self._insert("duplicates", batch.duplicates, token)

    def _open(self) -> Any:  # noqa: ANN401  a client of clickhouse-connect
        if self._closed:
            raise ClosedError("the store is closed")
        return self._connect()

    def _insert(self, table: str, records: Sequence[Record], token: str) -> None:
        if not records:
            return
        columns = self._columns[table]
        values = dict(zip(columns.names, zip(*records, strict=True), strict=True))
        self._writer.insert(
            table,
            list(values.values()),
            column_names=columns.names,
            column_types=columns.types,
            column_oriented=True,
            settings={**_WRITE_SETTINGS, "insert_deduplication_token": f"{table}-{token}-{digest(values)}"},
        )

    def _insert_staged(self, kept: Kept | None, token: str) -> None:
        if self._staging is None or kept is None or not kept.keys:
            return
        token = f"staged-{token}-{digest({'span_id': [*chain.from_iterable(kept.keys)]})}"
        self._staging.store(kept, settings={**_WRITE_SETTINGS, "insert_deduplication_token": token})

    @contextmanager
    def _reader(self) -> Iterator[Any]:
        client = self._readers.get()
        try:
            if (asker := ASKER.get()) is not None and asker.gone.is_set():
                raise GoneError(asker.name)
            client = client or self._open()
            yield client
        finally:
            self._readers.put(client)


@dataclass(frozen=True, slots=True)
class _Columns:
    names: tuple[str, ...]
    types: Sequence[Any]

    @classmethod
    def of(cls, client: Any, table: str, record: type[Record]) -> _Columns:  # noqa: ANN401
        names = record._fields
        return cls(names, client.create_insert_context(table, column_names=names).column_types)


def _asked_by() -> dict[str, object]:
    """The limits of a question that somebody waits for, and the name it is stopped by; none for the sidecar's own."""
    asker = ASKER.get()
    return {} if asker is None else {**_LIMITS, "log_comment": asker.name}


def of_traces(keys: Iterable[SpanKey], *, since_ns: int, until_ns: int) -> dict[str, object]:
    """The parameters of a question about the traces of these spans, as far as they started in a period."""
    traces = sorted({trace_id.hex() for trace_id, _ in keys})
    return {"since": max(since_ns, 0), "until": min(until_ns, LAST_NANOSECOND), "trace_ids": traces}


def _by_file(client: Any, sql: str, parameters: Mapping[str, object]) -> Iterator[bytes]:  # noqa: ANN401
    with TemporaryDirectory(prefix="spanmeter-") as directory:
        path = Path(directory) / "export.parquet"
        statement = f"INSERT INTO FUNCTION file({{path:String}}, 'Parquet')\n{sql}"
        client.command(statement, parameters={**parameters, "path": str(path)})
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece


def _connector(url: str, layout: Layout) -> Callable[[], Any]:
    parts = urlsplit(url)
    if parts.scheme == "chdb":
        return _embedded(parts.path, parse_qs(parts.query).get("database", ["default"])[0])
    told = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name != "cluster"])
    settings = {**_SETTINGS, **layout.settings}
    dsn = parts._replace(query=told).geturl()
    return lambda: clickhouse_connect.get_client(dsn=dsn, settings=settings, autogenerate_session_id=False)


def _embedded(path: str, database: str) -> Callable[[], Any]:
    client = clickhouse_connect.get_client(interface="chdb", path=path)
    client.command("CREATE DATABASE IF NOT EXISTS {name:Identifier}", parameters={"name": database})
    client.close()
    return lambda: clickhouse_connect.get_client(interface="chdb", path=path, database=database, settings=_SETTINGS)
