"""The store: observations, ledger and counters in ClickHouse SQL, embedded (chDB) or a server by URL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime
from pathlib import Path
from queue import LifoQueue
from string import Template
from tempfile import TemporaryDirectory
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

from spanmeter import semconv
from spanmeter.pricing import PriceBook
from spanmeter_collector.asker import ASKER, Asker, GoneError
from spanmeter_collector.batch import Batch
from spanmeter_collector.bundle import Bundle
from spanmeter_collector.charge import Charge
from spanmeter_collector.connection import connector
from spanmeter_collector.damage import NONE, Damages, note_detached
from spanmeter_collector.duplicate import Duplicate
from spanmeter_collector.lately import Lately
from spanmeter_collector.layout import Layout
from spanmeter_collector.otlp import LAST_NANOSECOND
from spanmeter_collector.recent import Recent, Unknown
from spanmeter_collector.rollup import rollups_sql
from spanmeter_collector.rollup_repair import create_rollups
from spanmeter_collector.room import SMALL_BYTES, require_room
from spanmeter_collector.row import Row, SpanKey
from spanmeter_collector.staged import Staged
from spanmeter_collector.statement import read_sql
from spanmeter_collector.writing import Writing

_READERS: Final = 4
_EPOCH: Final = date(1970, 1, 1)
_PIECE_BYTES: Final = 2**18
_SLACK_NS: Final = 60_000_000_000
_LIMITS: Final = {"max_memory_usage": 512 * 2**20, "max_rows_to_group_by": 2_000_000, "max_execution_time": 30}
R = TypeVar("R", Row, Charge, Duplicate)


class ClosedError(RuntimeError):
    """The store was closed; nothing can be asked of it any more."""


class Store:
    """Reads and writes one database; safe to share between threads.

    The embedded engine holds one path per process; a second path in the same process is refused by it.
    """

    def __init__(
        self, connect: Callable[[], Any], *, directory: Path | None, layout: Layout, damages: Damages = NONE
    ) -> None:
        self._connect = connect
        self.layout = layout
        self.directory = directory
        """Where the embedded engine keeps everything; None for a server."""
        self.damaged_parts = damages.found
        """How many parts the start found damaged and left out; their files are kept."""
        self._is_embedded = directory is not None
        self._writer = connect()
        self._closed = False
        self.ledger = threading.Lock()
        """Held by who reads the ledger and writes what it lacks, so that nobody corrects it in between."""
        self._readers: LifoQueue[Any] = LifoQueue()
        for _ in range(_READERS):
            self._readers.put(None)
        self.lately = Lately()
        """What questions of late were answered from."""
        self.closed: frozenset[int] = frozenset()
        """The days, counted from 1970, whose spans retention dropped: spans of theirs are refused as too old."""
        self.read_closed_days()
        self.recent = self._read_recent()
        """What was taken in lately; held together with `ledger`."""
        self._writing = Writing(self._writer, directory=directory, damages=damages.ever)

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a store, creating its tables: `chdb:///directory[?database=name]`, or a server.

        `clickhouse://user:password@host:port/database[?cluster=name]`; with a cluster, tables are made on all of it.

        Raises:
            clickhouse_connect.driver.exceptions.Error: the path is in use by another process, or no server answers.
            RoomError: the disk of an embedded store is full.
        """
        parts, layout = urlsplit(url), Layout.of(url)
        if parts.scheme == "chdb":
            require_room(Path(parts.path))
        connect = connector(url, layout)
        is_embedded = parts.scheme == "chdb"
        schema = (
            read_sql("schema") if is_embedded else ";\n".join([read_sql("schema"), rollups_sql(), read_sql("turns")])
        )
        with closing(connect()) as client:
            ledger = {"charges": layout.stored("charges")}
            unindexed = client.query(read_sql("unindexed"), parameters=ledger).result_rows
            for statement in layout.statements(schema):
                client.command(statement)
            if unindexed:  # entries of an older version; the engine does it beside everything else
                client.command(f"ALTER TABLE {layout.altered('charges')} MATERIALIZE INDEX recorded_index")
            damages = NONE
            if is_embedded:
                damages = note_detached(client)
                create_rollups(client)
        return cls(connect, directory=Path(parts.path) if is_embedded else None, layout=layout, damages=damages)

    def query(
        self, name: str, parameters: Mapping[str, object], fragments: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Ask the question in `sql/<name>.sql` and return its rows by column name.

        `parameters` are bound by ClickHouse (`{name:Type}`). `fragments` replace `$name` in the text and may only
        be made of words of ours. Times come back in UTC where the process runs in UTC, else with their zone.
        """
        found = self._ask(name, parameters, fragments or {})
        return list(found.named_results())

    def columns(
        self, name: str, parameters: Mapping[str, object], fragments: Mapping[str, str]
    ) -> dict[str, Sequence[Any]]:
        """The same as columns by their names, the quicker way to many rows; without names where there are no rows."""
        found = self._ask(name, parameters, fragments)
        return dict(zip(found.column_names, found.result_columns, strict=True))

    def _ask(self, name: str, parameters: Mapping[str, object], fragments: Mapping[str, str]) -> Any:  # noqa: ANN401
        sql = Template(read_sql(name)).substitute({"parts": self.layout.parts, **fragments})
        with self._reader() as client:
            return client.query(sql, parameters=dict(parameters), settings=_asked_by())

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
        settings = {"log_comment": asker.name} if (asker := ASKER.get()) else {}
        with closing(self._open()) as client:
            if self._is_embedded and written_as == "Parquet":
                yield from _by_file(client, sql, parameters, settings)
                return
            with client.raw_stream(sql, parameters=dict(parameters), fmt=written_as, settings=settings) as stream:
                while piece := stream.read(_PIECE_BYTES):
                    yield piece

    def stage(self, bundles: Sequence[Bundle], book: PriceBook, *, content: bool = False) -> Staged | None:
        """Let the engine read spans, to be priced and stored with the next `write`; None where that is not for it.

        A server has no business with the bytes that came in, and what the engine cannot read is left to Python.
        """
        return self._writing.stage(bundles, book, closed=self.closed, content=content)

    def write(self, batch: Batch, *, token: str) -> None:
        """Add a batch; the same token with the same batch adds nothing a second time."""
        self._writing.write(batch, token=token)

    @property
    def written(self) -> int | None:
        """How often it was written to; None for a server, to which others may write."""
        return self._writing.writes if self._is_embedded else None

    def finish(self) -> int:
        """Complete the last write where a server failed in it, before anybody looks at what it left; its spans.

        The server knows the inserts again that it has, and makes up for what its rollups lack of them. What it
        refuses once more, though it can be reached, is given up.
        """
        return self._writing.finish()

    def stop(self, asker: Asker) -> None:
        """End the queries under way for somebody who has gone; they fail with an error of the engine's."""
        with closing(self._open()) as client:
            client.query(read_sql("stop"), parameters={"asker": asker.name})

    def execute(self, name: str, parameters: Mapping[str, object], fragments: Mapping[str, str] | None = None) -> None:
        """Run the statement in `sql/<name>.sql`; parameters and fragments as for `query`."""
        sql = Template(read_sql(name)).substitute(fragments or {})
        with self._reader() as client:
            client.command(sql, parameters=dict(parameters))

    def note(self, name: str, parameters: Mapping[str, object]) -> None:
        """Run the statement in `sql/<name>.sql`, which writes a row.

        Raises:
            RoomError: The embedded store's disk is full.
        """
        if self.directory is not None:
            require_room(self.directory, least=SMALL_BYTES)
        self.execute(name, parameters)

    def take_turn(self, minute: int, holder: str) -> bool:
        """Whether of all who write to a server this one is the first to ask for a minute, in seconds since 1970.

        The engine keeps one insert of those with one token, whoever sends it.
        """
        with self._writing.lock:
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
        self._closed = True
        for _ in range(_READERS):
            client = self._readers.get()
            if client is not None:
                client.close()
        for _ in range(_READERS):
            self._readers.put(None)
        with self._writing.lock:
            self._writer.close()

    def _open(self) -> Any:  # noqa: ANN401  a client of clickhouse-connect
        self._refuse_closed()
        return self._connect()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ClosedError("the store is closed")

    @contextmanager
    def _reader(self) -> Iterator[Any]:
        client = self._readers.get()
        try:
            self._refuse_closed()
            if (asker := ASKER.get()) is not None and asker.gone.is_set():
                raise GoneError(asker.name)
            client = client or self._open()
            yield client
        finally:
            self._readers.put(client)


def _asked_by() -> dict[str, object]:
    """The limits of a question that somebody waits for, and the name it is stopped by; none for the sidecar's own."""
    asker = ASKER.get()
    return {} if asker is None else {**_LIMITS, "log_comment": asker.name}


def of_traces(keys: Iterable[SpanKey], *, since_ns: int, until_ns: int) -> dict[str, object]:
    """The parameters of a question about the traces of these spans, as far as they started in a period."""
    traces = sorted({trace_id.hex() for trace_id, _ in keys})
    return {"since": max(since_ns, 0), "until": min(until_ns, LAST_NANOSECOND), "trace_ids": traces}


def _by_file(
    client: Any,  # noqa: ANN401
    sql: str,
    parameters: Mapping[str, object],
    settings: Mapping[str, object],
) -> Iterator[bytes]:
    with TemporaryDirectory(prefix="spanmeter-") as directory:
        path = Path(directory) / "export.parquet"
        statement = f"INSERT INTO FUNCTION file({{path:String}}, 'Parquet')\n{sql}"
        client.command(statement, parameters={**parameters, "path": str(path)}, settings=settings)
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece
