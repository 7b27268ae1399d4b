"""A configuration file that was read: whether it still says what it said then."""

from __future__ import annotations

from pathlib import Path

from spanmeter_collector.status import OK


class ReadFile:
    """Knows a file again by its size and time of change; without a path there is nothing to change."""

    def __init__(self, path: Path | None, *, remedy: str) -> None:
        """`remedy` says what has the file read again."""
        self._path = path
        self._remedy = remedy
        self.note_read()

    def note_read(self) -> None:
        """What is in the file now is in force."""
        self._seen = self._mark()

    def standing(self) -> str:
        """Answer "ok", or that the file has changed or is gone, and what to do."""
        mark = self._mark()
        if mark == self._seen or self._path is None:
            return OK
        what = "is gone" if mark is None else "has changed"
        return f"{self._path.name} {what} since it was read; {self._remedy}"

    def _mark(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat() if self._path else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size) if found else None
