"""The level on disk: one SQLite file that processes share and that outlives them."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from spanmeter.cache.disk_file import DiskFile
from spanmeter.fork import in_child

_GET: Final = """
SELECT written, used_at FROM entries WHERE cache = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)
"""
_PUT: Final = """
INSERT INTO entries (cache, key, written, expires_at, used_at, size)
VALUES (:cache, :key, :written, :expires_at, :now, :size)
ON CONFLICT (cache, key) DO UPDATE SET
    written = :written, expires_at = :expires_at, used_at = :now, size = :size
"""
_USED: Final = "UPDATE entries SET used_at = ? WHERE cache = ? AND key = ?"
_CLAIMED: Final = """
SELECT 1 FROM claims WHERE cache = :cache AND key = :key AND claimed_at <= :now AND expires_at > :now
"""
_CLAIM: Final = """
INSERT INTO claims VALUES (:cache, :key, :holder, :now, :now + :for_s)
ON CONFLICT (cache, key) DO UPDATE SET holder = :holder, claimed_at = :now, expires_at = :now + :for_s
    WHERE claimed_at > :now OR expires_at <= :now
"""
_FRESH_S: Final = 60.0
"""For how long it need not be written again that an entry was used."""
_MOST_USED: Final = 1_000
"""How many reads wait to be written with the next entry."""
_AT_ONCE: Final = 100
_ROOM: Final = 0.9
"""The share of `max_bytes` that is left when entries had to go, so that they need not go one by one."""
_log: Final = logging.getLogger("spanmeter")


class Disk:
    """Entries of any number of caches in one file; it and a folder made for it are the owner's alone.

    `max_bytes` bounds what the entries take: expired ones go first, then those not used for longest, to the minute and
    as far as reads reach the file. The file itself is some pages larger, with its write-ahead log. It holds what was
    cached as plain text. One that is damaged is set aside under another name, and a new one begun; one of
    somebody else is left alone.
    """

    faults = (sqlite3.Error, OSError)

    def __init__(self, path: str | Path, *, max_bytes: int = 1 << 30, clock: Callable[[], float] = time.time) -> None:
        if max_bytes <= 0:
            raise ValueError(f"max_bytes={max_bytes} is not allowed; allowed: a number of bytes above 0")
        self._file = DiskFile(Path(path))
        self._max_bytes = max_bytes
        self._clock = clock
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[tuple[str, str], float] = {}
        self._file.forget()

    def get(self, cache: str, key: str) -> bytes | None:
        """What was written, None where nothing was or it has expired."""
        now = self._clock()
        with self._using() as connection:
            found = connection.execute(_GET, (cache, key, now)).fetchone()
            if found is None:
                return None
            if found[1] < now - _FRESH_S and len(self._used) < _MOST_USED:
                self._used[cache, key] = now
        return bytes(found[0])

    def put(self, cache: str, key: str, written: bytes, *, expires_at: float | None) -> None:
        """Write an entry, and let go of others where there is no room; one larger than all of it is not kept."""
        size = len(written) + len(key) + len(cache)
        if size > self._max_bytes:
            return
        now = self._clock()
        entry = {"cache": cache, "key": key, "written": written, "expires_at": expires_at, "now": now, "size": size}
        with self._using() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_PUT, entry)
            connection.executemany(_USED, [(used_at, *whose) for whose, used_at in self._used.items()])
            self._make_room(connection, now)
            self._used.clear()

    def claim(self, cache: str, key: str, holder: str, *, for_s: float) -> bool:
        """Claim a key: whether nobody else has it. One that begins later than now is of a clock set back.

        Time is read while nobody else writes: a claim made meanwhile would seem to begin later.
        """
        claim = {"cache": cache, "key": key, "holder": holder, "now": self._clock(), "for_s": for_s}
        with self._using() as connection:
            if connection.execute(_CLAIMED, claim).fetchone() is not None:
                return False
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                with closing(connection.execute(_CLAIM, claim | {"now": self._clock()})) as taken:
                    return taken.rowcount > 0

    def free(self, cache: str, key: str, holder: str) -> None:
        """Give up the claim of `holder`, and nobody else's."""
        with self._using() as connection:
            connection.execute("DELETE FROM claims WHERE cache = ? AND key = ? AND holder = ?", (cache, key, holder))

    def drop(self, cache: str, key: str) -> bool:
        """Forget an entry; whether there was one."""
        with self._using() as connection:
            gone = connection.execute("DELETE FROM entries WHERE cache = ? AND key = ?", (cache, key))
            return gone.rowcount > 0

    def keys(self, cache: str) -> Iterator[str]:
        """The keys of a cache."""
        with self._using() as connection:
            found = connection.execute("SELECT key FROM entries WHERE cache = ?", (cache,)).fetchall()
        return (key for (key,) in found)

    def clear(self, cache: str) -> None:
        """Forget all entries and claims of a cache."""
        with self._using() as connection:
            connection.execute("DELETE FROM entries WHERE cache = ?", (cache,))
            connection.execute("DELETE FROM claims WHERE cache = ?", (cache,))

    @property
    def bytes(self) -> int:
        """What the entries of all caches in the file take."""
        with self._using() as connection:
            return int(connection.execute("SELECT bytes FROM sums").fetchone()[0])

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            self._file.close()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The open file, for one thread at a time; where it is damaged it is set aside, for the next use."""
        with self._lock:
            try:
                yield self._file.opened()
            except sqlite3.DatabaseError as fault:
                set_aside = self._file.mend(fault)
                if set_aside is not None:
                    _log.warning("a cache begins anew: its file was damaged and is now %s", set_aside)
                raise

    def _make_room(self, connection: sqlite3.Connection, now: float) -> None:
        if not self._is_above(connection, self._max_bytes):
            return
        connection.execute("DELETE FROM entries WHERE expires_at <= ?", (now,))
        while self._is_above(connection, int(self._max_bytes * _ROOM)):
            oldest = "SELECT rowid FROM entries ORDER BY used_at, rowid LIMIT ?"
            with closing(connection.execute(f"DELETE FROM entries WHERE rowid IN ({oldest})", (_AT_ONCE,))) as gone:  # noqa: S608
                if not gone.rowcount:
                    return

    def _is_above(self, connection: sqlite3.Connection, most: int) -> bool:
        return bool(connection.execute("SELECT bytes > ? FROM sums", (most,)).fetchone()[0])
