"""The file behind `Disk`: how it is opened, whose it is, and what becomes of a damaged one."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_VERSION: Final = 2
"""Of the tables below; an earlier one's entries are let go of."""
_SCHEMA: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS entries (
    cache TEXT NOT NULL, key TEXT NOT NULL, written BLOB NOT NULL,
    expires_at REAL, used_at REAL NOT NULL, size INTEGER NOT NULL,
    UNIQUE (cache, key)
);
CREATE INDEX IF NOT EXISTS entries_used_at ON entries (used_at);
CREATE INDEX IF NOT EXISTS entries_expires_at ON entries (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS claims (
    cache TEXT NOT NULL, key TEXT NOT NULL, holder TEXT NOT NULL,
    claimed_at REAL NOT NULL, expires_at REAL NOT NULL,
    PRIMARY KEY (cache, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sums (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO sums VALUES (1, 0);
CREATE TRIGGER IF NOT EXISTS entries_added AFTER INSERT ON entries BEGIN
    UPDATE sums SET bytes = bytes + new.size; END;
CREATE TRIGGER IF NOT EXISTS entries_changed AFTER UPDATE OF size ON entries BEGIN
    UPDATE sums SET bytes = bytes + new.size - old.size; END;
CREATE TRIGGER IF NOT EXISTS entries_gone AFTER DELETE ON entries BEGIN
    UPDATE sums SET bytes = bytes - old.size; END;
PRAGMA user_version = 2;
COMMIT;
"""
_EARLIER: Final = "BEGIN IMMEDIATE; DROP TABLE IF EXISTS entries; DROP TABLE IF EXISTS sums; COMMIT;"
_OURS: Final = frozenset({"entries", "claims", "sums"})
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PATIENCE_S: Final = 0.5
"""How long to wait for another process that writes: a cache may not hold up what it is to speed up."""
_PAUSE_S: Final = 0.005
_HEAD: Final = b"SQLite format 3\0"
_BESIDE: Final = ("", "-wal", "-shm")


class DiskFile:
    """One SQLite file of ours, opened when it is first used; for one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._was_opened = False
        self._open: sqlite3.Connection | None = None
        self._inode = 0

    def opened(self) -> sqlite3.Connection:
        """The open file; where somebody took it away or put another in its place, the one that is there now.

        Raises:
            OSError: It cannot be made or read; also sqlite3.Error.
        """
        if self._open is not None and not self._is_there():
            self.close()
        if self._open is None:
            self._open = self._connected()
            self._inode = self.path.stat().st_ino
        return self._open

    def _is_there(self) -> bool:
        try:
            return os.stat(self.path).st_ino == self._inode  # noqa: PTH116  at every use, and a Path's takes three times
        except OSError:
            return False

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def forget(self) -> None:
        """Use what is open no more and leave it open: it is the parent's of a forked process."""
        self._parents = self._open
        self._open = None

    def mend(self, fault: sqlite3.DatabaseError) -> Path | None:
        """Set a damaged file aside, and say where it is now; None where the fault is another or others mended it."""
        if (fault.sqlite_errorcode or 0) & 0xFF not in _DAMAGED:
            return None
        self.close()
        with contextlib.suppress(OSError, sqlite3.OperationalError):
            if self._is_ours() and not self._is_sound():
                return self._set_aside()
        return None

    def _is_ours(self) -> bool:
        """Whether the file is, or was, a database; somebody's letter is left where it is."""
        with self.path.open("rb") as file:
            head = file.read(len(_HEAD))
        return self._was_opened or head in (_HEAD, bytes(len(_HEAD))) or Path(f"{self.path}-wal").exists()

    def _is_sound(self) -> bool:
        """Whether the file that stands at the path now can be read, every page of it."""
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=_PATIENCE_S)) as connection:
                return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return False

    def _set_aside(self) -> Path:
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns()}")
        for beside in _BESIDE:
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{beside}").rename(f"{aside}{beside}")
        return aside

    def _connected(self) -> sqlite3.Connection:
        """Open the file; of those who make it at once SQLite refuses all but one, who come again a little later."""
        deadline = time.monotonic() + _PATIENCE_S
        was_there, swept = self.path.exists(), False
        while True:
            try:
                return self._connected_now()
            except sqlite3.OperationalError as fault:
                code = fault.sqlite_errorcode or 0
                if code == sqlite3.SQLITE_IOERR_SHORT_READ and not swept:
                    swept = True
                    self._sweep(was_there=was_there)
                elif code & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
            time.sleep(_PAUSE_S)

    def _sweep(self, *, was_there: bool) -> None:
        """Clear away what is left of a database of which only some files were taken away."""
        with contextlib.suppress(OSError):
            if was_there:
                self._set_aside()
                return
            for beside in _BESIDE:
                Path(f"{self.path}{beside}").unlink(missing_ok=True)

    def _connected_now(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(PermissionError):  # what is there already may be readable
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self.path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, self.path)
        except BaseException:
            connection.close()
            raise
        self._was_opened = True
        return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and not tables & _OURS:
        raise OSError(f"{path} is a database of another application, with tables {', '.join(sorted(tables)[:3])}")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    if version < _VERSION:
        for script in _scripts(tables):
            connection.executescript(script)


def _scripts(tables: set[str]) -> Iterator[str]:
    if tables:
        yield _EARLIER
    yield _SCHEMA
