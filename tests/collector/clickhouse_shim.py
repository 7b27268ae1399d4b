"""Stands in for a ClickHouse server: its HTTP interface, as far as clickhouse-connect uses it, before chDB's engine.

`python clickhouse_shim.py DIRECTORY` prints its port and serves until standard input ends. There is a cluster `one` of
one shard, whose Distributed tables are the engine's. What the engine lacks outside of a server is done here: statements
`ON CLUSTER` run at once, and Replicated tables, for which there is no keeper, are plain ones with the same window.
"""

from __future__ import annotations

import gzip
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import NamedTemporaryFile
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import chdb
import lz4.frame
import zstandard

_NOT_THE_ENGINES: Final = frozenset(
    {
        "compress",
        "client_protocol_version",
        "database",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "prefer_localhost_replica",  # the one shard is this process, which listens to nobody
        "query_id",
        "send_progress_in_http_headers",
        "wait_end_of_query",
    }
)
_CLUSTER: Final = """<clickhouse>
<tcp_port>9000</tcp_port>
<remote_servers><one><shard><replica><host>localhost</host><port>9000</port></replica></shard></one></remote_servers>
</clickhouse>"""
_INSERT: Final = re.compile(rb"\s*(INSERT INTO [^\n]*?) FORMAT (\w+)\s*\n", re.IGNORECASE)
_ON_CLUSTER: Final = re.compile(r"\s+ON CLUSTER\s+\S+", re.IGNORECASE)
_REPLICATED: Final = re.compile(r"Replicated(\w*MergeTree)\('[^']*', '[^']*'(?:, )?")
_DECODED: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "": bytes,
    "gzip": gzip.decompress,
    "lz4": lz4.frame.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
}


class Engine:
    """Hands out connections to the engine, each to one request at a time."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        config = directory / "cluster.xml"
        config.write_text(_CLUSTER, encoding="utf-8")
        self._address = f"{directory / 'store'}?config-file={config}"
        self._idle: SimpleQueue[Connection] = SimpleQueue()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One that nobody uses."""
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = Connection(chdb.connect(self._address))  # type: ignore[no-untyped-call]
        try:
            yield connection
        finally:
            self._idle.put(connection)


class Connection:
    """A connection to the engine that remembers its settings, so that each request sets only what differs."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._settings: dict[str, str] = {}

    def use(self, database: str, settings: Mapping[str, str]) -> None:
        """Ask of this database with these settings, and no others."""
        self.ask(f"USE `{database}`", {})
        for name in self._settings.keys() - settings.keys():
            self.ask(f"SET {name} = DEFAULT", {})
        for name, value in settings.items():
            if self._settings.get(name) != value:
                quoted = value.replace("\\", "\\\\").replace("'", "\\'")
                self.ask(f"SET {name} = '{quoted}'", {})
        self._settings = dict(settings)

    def ask(self, sql: str, parameters: Mapping[str, str]) -> bytes:
        """The answer to a statement in its format, else tab-separated."""
        answer = self._engine.query(sql, "TabSeparated", params=dict(parameters))
        return answer.bytes() or b""

    def insert(self, statement: str, written_as: str, data: bytes) -> None:
        """Insert what is written in a format; the engine takes bytes from files only."""
        with NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            self.ask(f"{statement} FROM INFILE '{file.name}' FORMAT {written_as}", {})


class Handler(BaseHTTPRequestHandler):
    """A request: its statement, the data behind it, its parameters and settings."""

    protocol_version = "HTTP/1.1"
    engine: Engine

    def do_GET(self) -> None:
        """`/ping`, or a statement in the address."""
        if urlsplit(self.path).path == "/ping":
            self._answer(200, b"Ok.\n")
        else:
            self.do_POST()

    def do_POST(self) -> None:
        """Run a statement."""
        body = self.rfile.read(int(self.headers["Content-Length"])) if "Content-Length" in self.headers else b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = self._chunks()
        body = _DECODED[self.headers.get("Content-Encoding", "")](body)
        given = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if self.headers.get_content_type() == "multipart/form-data":
            given |= _form(self.headers["Content-Type"], body)
            body = b""
        try:
            self._answer(200, self._run(given, given.pop("query", "").encode() + b"\n" + body))
        except (chdb.ChdbError, RuntimeError) as error:
            self._refuse(str(error))

    def _run(self, given: Mapping[str, str], body: bytes) -> bytes:
        parameters = {name[len("param_") :]: value for name, value in given.items() if name.startswith("param_")}
        settings = {k: v for k, v in given.items() if k not in _NOT_THE_ENGINES and not k.startswith("param_")}
        with self.engine.connection() as connection:
            connection.use(given.get("database", "default"), settings)
            if found := _INSERT.match(body):
                connection.insert(found[1].decode(), found[2].decode(), body[found.end() :])
                return b""
            return connection.ask(_without_keeper(body.decode()), parameters)

    def _chunks(self) -> bytes:
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _refuse(self, message: str) -> None:
        code = re.search(r"Code: (\d+)", message)
        self._answer(500, message.encode(), {"X-ClickHouse-Exception-Code": code[1] if code else "0"})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        told = {"X-ClickHouse-Timezone": "UTC", "X-ClickHouse-Summary": "{}", "Content-Length": str(len(body))}
        told |= {"X-ClickHouse-Format": "TabSeparated"} if body else {}
        self.send_response(status)
        for name, value in (told | dict(headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the library's
        """Say nothing."""


def _form(content_type: str, body: bytes) -> dict[str, str]:
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts = ((part.get_param("name", header="content-disposition"), part) for part in message.walk())
    return {str(name): bytes(part.get_payload(decode=True)).decode() for name, part in parts if name}


def _without_keeper(sql: str) -> str:
    return _REPLICATED.sub(r"\1(", _ON_CLUSTER.sub("", sql))


def main(directory: Path) -> None:
    """Serve on a free port until standard input ends."""
    Handler.engine = Engine(directory)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)  # noqa: T201
    sys.stdin.read()
    os._exit(0)  # the engine crashes at exit where it has Distributed tables


if __name__ == "__main__":
    main(Path(sys.argv[1]))
