"""The level on disk: one SQLite file that processes share and that outlives them."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from spanmeter.fork import in_child

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (
    cache TEXT NOT NULL, key TEXT NOT NULL, written BLOB NOT NULL,
    expires_at REAL, put_at REAL NOT NULL, size INTEGER NOT NULL,
    UNIQUE (cache, key)
);
CREATE INDEX IF NOT EXISTS entries_put_at ON entries (put_at);
CREATE INDEX IF NOT EXISTS entries_expires_at ON entries (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS sums (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO sums VALUES (1, 0);
CREATE TRIGGER IF NOT EXISTS entries_added AFTER INSERT ON entries BEGIN
    UPDATE sums SET bytes = bytes + new.size; END;
CREATE TRIGGER IF NOT EXISTS entries_changed AFTER UPDATE OF size ON entries BEGIN
    UPDATE sums SET bytes = bytes + new.size - old.size; END;
CREATE TRIGGER IF NOT EXISTS entries_gone AFTER DELETE ON entries BEGIN
    UPDATE sums SET bytes = bytes - old.size; END;
"""
_PUT: Final = """
INSERT INTO entries VALUES (:cache, :key, :written, :expires_at, :put_at, :size)
ON CONFLICT (cache, key) DO UPDATE SET
    written = :written, expires_at = :expires_at, put_at = :put_at, size = :size
"""
_AT_ONCE: Final = 100
_ROOM: Final = 0.9
"""The share of `max_bytes` that is left when entries had to go, so that they need not go one by one."""
_PATIENCE_S: Final = 0.5
"""How long to wait for another process that writes: a cache may not hold up what it is to speed up."""


class Disk:
    """Entries of any number of caches in one file; it and a folder made for it are the owner's alone.

    `max_bytes` bounds what the entries take: expired ones go first, then those written longest ago. The file itself is
    some pages larger, with its write-ahead log. The file holds what was cached as plain text.
    """

    faults = (sqlite3.Error, OSError)

    def __init__(self, path: str | Path, *, max_bytes: int = 1 << 30, clock: Callable[[], float] = time.time) -> None:
        if max_bytes <= 0:
            raise ValueError(f"max_bytes={max_bytes} is not allowed; allowed: a number of bytes above 0")
        self._path = Path(path)
        self._max_bytes = max_bytes
        self._clock = clock
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._open: sqlite3.Connection | None = None

    def get(self, cache: str, key: str) -> bytes | None:
        """What was written, None where nothing was or it has expired."""
        sql = "SELECT written FROM entries WHERE cache = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)"
        with self._lock:
            found = self._connection().execute(sql, (cache, key, self._clock())).fetchone()
        return None if found is None else bytes(found[0])

    def put(self, cache: str, key: str, written: bytes, *, expires_at: float | None) -> None:
        """Write an entry, and let go of others where there is no room; one larger than all of it is not kept."""
        size = len(written) + len(key) + len(cache)
        if size > self._max_bytes:
            return
        now = self._clock()
        with self._lock, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                _PUT,
                {
                    "cache": cache,
                    "key": key,
                    "written": written,
                    "expires_at": expires_at,
                    "put_at": now,
                    "size": size,
                },
            )
            self._make_room(connection, now)

    def drop(self, cache: str, key: str) -> bool:
        """Forget an entry; whether there was one."""
        with self._lock, self._connection() as connection:
            gone = connection.execute("DELETE FROM entries WHERE cache = ? AND key = ?", (cache, key))
            return gone.rowcount > 0

    def keys(self, cache: str) -> Iterator[str]:
        """The keys of a cache."""
        with self._lock:
            found = self._connection().execute("SELECT key FROM entries WHERE cache = ?", (cache,)).fetchall()
        return (key for (key,) in found)

    def clear(self, cache: str) -> None:
        """Forget all entries of a cache."""
        with self._lock, self._connection() as connection:
            connection.execute("DELETE FROM entries WHERE cache = ?", (cache,))

    @property
    def bytes(self) -> int:
        """What the entries of all caches in the file take."""
        with self._lock:
            return int(self._connection().execute("SELECT bytes FROM sums").fetchone()[0])

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self._open = self._opened()
        return self._open

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self._path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _make_room(self, connection: sqlite3.Connection, now: float) -> None:
        if not self._is_above(connection, self._max_bytes):
            return
        connection.execute("DELETE FROM entries WHERE expires_at <= ?", (now,))
        while self._is_above(connection, int(self._max_bytes * _ROOM)):
            oldest = "SELECT rowid FROM entries ORDER BY put_at, rowid LIMIT ?"
            with closing(connection.execute(f"DELETE FROM entries WHERE rowid IN ({oldest})", (_AT_ONCE,))) as gone:  # noqa: S608
                if not gone.rowcount:
                    return

    def _is_above(self, connection: sqlite3.Connection, most: int) -> bool:
        return bool(connection.execute("SELECT bytes > ? FROM sums", (most,)).fetchone()[0])
