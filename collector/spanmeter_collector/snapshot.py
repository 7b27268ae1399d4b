"""A snapshot: the store and what the log holds beyond it, as they are at one moment, while the sidecar goes on."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from spanmeter_collector.log import Log
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.store import Store

_NAME: Final = "backup"
_BY_SERVER: Final = (
    "the store is a ClickHouse server, which makes its own backups: "
    "BACKUP DATABASE <name> TO Disk('backups', 'spanmeter.zip')"
)


class UnderWayError(RuntimeError):
    """Another snapshot is being read."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table's parts, each a folder of files that nobody writes to."""

    parts: Mapping[str, Path]

    @property
    def rows(self) -> int:
        """How many rows the parts hold."""
        return sum(int((part / "count.txt").read_text(encoding="ascii")) for part in self.parts.values())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The tables by name, the log's files with which bytes of each count, and the engine's version."""

    tables: Mapping[str, Table]
    log: Mapping[Path, range]
    engine: str


class Snapshots:
    """Takes snapshots of a store and its log, one at a time; all are hard links and take no room."""

    def __init__(self, store: Store, log: Log, directory: Path) -> None:
        """`directory` is for links to the log's files, on the same file system; what an earlier run left is removed."""
        self._store = store
        self._log = log
        self._directory = directory
        self._one = threading.Lock()
        self._clear()

    @contextmanager
    def take(self) -> Iterator[Snapshot]:
        """Hold still for some milliseconds; the snapshot's files are there until the context ends.

        The log comes first: what it drops in between is in the store by then, and what is in both is stored once.

        Raises:
            QuestionError: The store is a server.
            UnderWayError: Another snapshot is being read.
        """
        if self._store.directory is None:
            raise QuestionError(_BY_SERVER)
        if not self._one.acquire(blocking=False):
            raise UnderWayError("a backup is under way; try again when it has ended")
        try:
            yield self._taken(self._store.directory)
        finally:
            self._clear()
            self._one.release()

    def _taken(self, directory: Path) -> Snapshot:
        log = self._log.link_to(self._directory)
        with self._store.ledger:
            tables = self._store.query("tables", {})
            for table in tables:
                self._store.execute("freeze", {}, {"table": table["name"], "name": _NAME})
        frozen = directory / "shadow" / _NAME
        return Snapshot(
            {table["name"]: _table(frozen.joinpath(*Path(table["directory"]).parts[-3:])) for table in tables},
            log,
            tables[0]["engine_version"],
        )

    def _clear(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)
        if self._store.directory is not None:
            shutil.rmtree(self._store.directory / "shadow" / _NAME, ignore_errors=True)


def _table(directory: Path) -> Table:
    """An empty table leaves no folder."""
    return Table({part.name: part for part in sorted(directory.iterdir())} if directory.exists() else {})
