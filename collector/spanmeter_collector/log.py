"""The log: requests on disk before they are acknowledged, until they are in the store.

A directory of segments named by the time they were started, a checkpoint that says up to where the store has
everything, and `damaged/` for what could not be read back or stored.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Self
from zlib import crc32

from spanmeter_collector.record import Record, Stretch, count_spans, next_record, read_bytes, read_record

_SEGMENT_BYTES: Final = 32 * 2**20
_SPENT_NS: Final = 60_000_000_000
_PIECE_BYTES: Final = 2**20
_SUFFIX: Final = ".log"
_logger = logging.getLogger(__name__)


class Position(NamedTuple):
    """A place in the log: the segment's number and the offset of a byte in it."""

    segment: int
    offset: int


class Waiting(NamedTuple):
    """What waits in a segment: where it ends, its spans and bytes, and when the first of it came in (ms since 1970)."""

    end: Position
    spans: int
    size: int
    since: int


class LogInUseError(RuntimeError):
    """Another process writes to this log."""


class Log:
    """Appends durably, reads back what is not yet stored; one process at a time.

    One thread may append while another reads and checkpoints. `now` gives nanoseconds since 1970.
    """

    def __init__(self, directory: Path, lock: BinaryIO, *, now: Callable[[], int] = time.time_ns) -> None:
        self._directory = directory
        self._lock = lock
        self._now = now
        self._segment: BinaryIO | None = None
        self.stored = _read_checkpoint(directory)
        """Up to here the store has everything."""
        ends = {number: Position(number, _size(path)) for number, path in self._segments().items()}
        if (cut := ends.get(self.stored.segment, self.stored)) < self.stored:
            _logger.error("segment %d was cut to %d bytes: what is not stored of it is lost", *cut)
        self.end = max([self.stored, *ends.values()])
        """Up to here everything is safe on disk."""

    @classmethod
    def open(cls, directory: Path, *, now: Callable[[], int] = time.time_ns) -> Self:
        """Open or start the log in a directory.

        Raises:
            LogInUseError: another process has it open.
            OSError: the directory cannot be written, or one of its files not be read.
        """
        _make_directory(directory)
        lock = (directory / "lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in directory.glob(f"*{_SUFFIX}"):
                path.open("rb").close()
        except OSError as error:
            lock.close()
            if isinstance(error, BlockingIOError):
                raise LogInUseError(f"another process writes to {directory}") from error
            raise
        return cls(directory, lock, now=now)

    @property
    def free_bytes(self) -> int:
        """Room that is left on the disk."""
        disk = os.fstatvfs(self._lock.fileno())
        return disk.f_bavail * disk.f_frsize

    def append(self, records: Sequence[Record]) -> list[Position]:
        """Write records and force them to disk; the positions are where each of them ends.

        A segment that the disk refused once is not written again: after a failed sync the system may take pages for
        clean that never reached the disk, see https://lwn.net/Articles/752063/.

        Raises:
            OSError: the disk refused; none of the records counts as written.
        """
        goes_on = self.end.offset < _SEGMENT_BYTES and not self._is_spent()
        segment = (self._segment if goes_on else None) or self._start_segment()
        number, start = self.end
        encoded = [record.encode(number) for record in records]
        try:
            _write_all(segment, b"".join(encoded))
            os.fdatasync(segment.fileno())
        except OSError:
            self._abandon(segment, start)
            raise
        ends = [Position(number, offset) for offset in accumulate(map(len, encoded), initial=start)]
        self.end = ends[-1]
        return ends[1:]

    def read(self, after: Position) -> Iterator[tuple[Position, Record | None]]:
        """Every record between a position and the end, oldest first, with the position where it ends.

        What is no record is copied to `damaged/` and comes as None; reading goes on behind it.

        Raises:
            OSError: a segment cannot be opened, or what is damaged cannot be kept.
        """
        end = self.end
        for number, path in sorted(self._segments().items()):
            if after.segment <= number <= end.segment:
                with path.open("rb", buffering=0) as file:
                    until = end.offset if number == end.segment else _size(path)
                    start = after.offset if number == after.segment else 0
                    yield from self._read_stretch(Stretch(file.fileno(), number, start, until))

    def waiting(self) -> Iterator[Waiting]:
        """What is not yet stored, by segment, as the headers of its records tell."""
        for number, path in sorted(self._segments().items()):
            start = self.stored.offset if number == self.stored.segment else 0
            until = _size(path)
            if number >= self.stored.segment and start < until:
                with path.open("rb", buffering=0) as file:
                    spans, since = count_spans(Stretch(file.fileno(), number, start, until))
                yield Waiting(Position(number, until), spans, until - start, since)

    def set_aside(self, end: Position, record: Record, reason: str) -> None:
        """Keep a record that cannot be stored in `damaged/`, as it stands in the log.

        Raises:
            OSError: it cannot be kept.
        """
        kept = self._damaged(Position(end.segment, end.offset - record.size))
        kept.write_bytes(record.encode(end.segment))
        _logger.error("a request of %d spans cannot be stored and is kept in %s: %s", record.spans, kept, reason)

    def checkpoint(self, stored: Position) -> None:
        """Drop the segments that are in the store up to a position, and note it.

        Dropping comes first: on a full disk it makes the room for the note. Nothing is synced, for a note or a drop
        that a power cut undoes only means reading back more than needed, which stores nothing twice.

        Raises:
            OSError: the disk refused; nothing is lost.
        """
        for number, path in self._segments().items():
            has_all_stored = number == stored.segment and _size(path) <= stored.offset
            if number < stored.segment or (has_all_stored and number < self.end.segment):
                path.unlink()
        temporary = self._directory / "checkpoint.new"
        temporary.write_text(_note(stored), encoding="ascii")
        temporary.replace(self._directory / "checkpoint")
        self.stored = stored

    def link_to(self, directory: Path) -> dict[Path, range]:
        """Link what the store may lack into a new directory; the files with which bytes of each are whole records.

        For who reads the log while it goes on: a linked file outlives its segment, and what is appended to it later
        does not count.

        Raises:
            OSError: the disk refused.
        """
        directory.mkdir()
        stored, end, found = self.stored, self.end, {}
        for number, path in sorted(self._segments().items()):
            if stored.segment <= number <= end.segment:
                with suppress(FileNotFoundError):  # stored meanwhile
                    (linked := directory / path.name).hardlink_to(path)
                    stop = end.offset if number == end.segment else linked.stat().st_size
                    found[linked] = range(stored.offset if number == stored.segment else 0, stop)
        return {linked: held for linked, held in found.items() if held}

    def drop_stored(self) -> None:
        """Drop the last segment too where the store has all of it; nothing may be appended after that."""
        self._close_segment()
        for number, path in self._segments().items():
            if number == self.stored.segment and _size(path) <= self.stored.offset:
                with suppress(OSError):
                    path.unlink()

    def close(self) -> None:
        """Close the files and let another process have the log."""
        self._close_segment()
        self._lock.close()

    def _is_spent(self) -> bool:
        """Whether all of the segment is stored that was started a while ago: what it quotes is to go soon."""
        return self.stored == self.end and self._now() - self.end.segment > _SPENT_NS

    def _segments(self) -> dict[int, Path]:
        return {int(path.stem): path for path in self._directory.glob(f"*{_SUFFIX}") if path.stem.isdecimal()}

    def _start_segment(self) -> BinaryIO:
        self._close_segment()
        number = max(self._now(), 1 + max(self.end.segment, self.stored.segment, *self._segments()))
        segment = (self._directory / f"{number:020d}{_SUFFIX}").open("xb", buffering=0)
        try:
            _sync_directory(self._directory)
        except OSError:
            segment.close()
            raise
        self._segment, self.end = segment, Position(number, 0)
        return segment

    def _close_segment(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _abandon(self, segment: BinaryIO, start: int) -> None:
        with suppress(OSError):
            segment.truncate(start)
        self._close_segment()
        if not start:
            with suppress(OSError):
                Path(segment.name).unlink()

    def _read_stretch(self, left: Stretch) -> Iterator[tuple[Position, Record | None]]:
        while left.offset < left.until:
            if found := read_record(left):
                record, offset = found
                yield Position(left.segment, offset), record
            else:
                offset = next_record(left)
                self._set_aside(left._replace(until=offset))
                yield Position(left.segment, offset), None
            left = left._replace(offset=offset)

    def _set_aside(self, damage: Stretch) -> None:
        kept = self._damaged(Position(damage.segment, damage.offset))
        with kept.open("wb") as file:
            for offset in range(damage.offset, damage.until, _PIECE_BYTES):
                file.write(read_bytes(damage.descriptor, min(_PIECE_BYTES, damage.until - offset), offset))
        sentence = "bytes %d to %d of segment %d are no record of this version; they are kept in %s"
        _logger.warning(sentence, damage.offset, damage.until, damage.segment, kept)

    def _damaged(self, start: Position) -> Path:
        folder = self._directory / "damaged"
        folder.mkdir(exist_ok=True)
        return folder / f"{start.segment:020d}-{start.offset}"


def _write_all(segment: BinaryIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[segment.write(left) :]


def _note(stored: Position) -> str:
    said = f"{stored.segment} {stored.offset}"
    return f"{said} {crc32(said.encode())}\n"


def _read_checkpoint(directory: Path) -> Position:
    """A torn or damaged checkpoint means reading the whole log again, which stores nothing twice."""
    with suppress(FileNotFoundError, ValueError):
        note = (directory / "checkpoint").read_text(encoding="ascii")
        segment, offset, _ = map(int, note.split())
        if note == _note(stored := Position(segment, offset)):
            return stored
    return Position(0, 0)


def _size(path: Path) -> int:
    return path.stat().st_size


def _make_directory(directory: Path) -> None:
    """Make a directory that is still there after a power cut."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
