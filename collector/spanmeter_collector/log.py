"""The log: requests on disk before they are acknowledged, until they are in the store.

A directory of segments named by the time they were started, a checkpoint that says up to where the store has
everything, and `damaged/` for what could not be read back.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Self
from zlib import crc32

_HEADER: Final = struct.Struct("<IIQB")  # length of the body, CRC-32 of the rest, received at (ms since 1970), signal
_REST: Final = struct.Struct("<QB")
_LONGEST_BODY: Final = 64 * 2**20
_SEGMENT_BYTES: Final = 32 * 2**20
_SUFFIX: Final = ".log"
_logger = logging.getLogger(__name__)


class Position(NamedTuple):
    """A place in the log: the segment's number and the offset of a byte in it."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Record:
    """One request: when it came in (milliseconds since 1970), its signal number and its body."""

    received_at: int
    signal: int
    body: bytes

    def encode(self) -> bytes:
        """The record with length and checksum, as it stands in a segment."""
        rest = _REST.pack(self.received_at, self.signal)
        return struct.pack("<II", len(self.body), crc32(self.body, crc32(rest))) + rest + self.body


class LogInUseError(RuntimeError):
    """Another process writes to this log."""


class Log:
    """Appends durably, reads back what is not yet stored; one process at a time, one appending thread."""

    def __init__(self, directory: Path, lock: BinaryIO) -> None:
        self._directory = directory
        self._lock = lock
        self._segment: BinaryIO | None = None
        self._end = Position(0, 0)
        self._stored = _read_checkpoint(directory)
        self.damaged = 0

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open or start the log in a directory.

        Raises:
            LogInUseError: another process has it open.
        """
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise LogInUseError(f"another process writes to {directory}") from error
        return cls(directory, lock)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self._segments().values())

    def append(self, records: Sequence[Record]) -> list[Position]:
        """Write records and force them to disk; the positions are where each of them ends.

        Raises:
            OSError: the disk refused; none of the records counts as written.
        """
        if self._segment is None or self._end.offset >= _SEGMENT_BYTES:
            self._start_segment()
        assert self._segment is not None  # noqa: S101  _start_segment opened it
        ends = []
        offset = self._end.offset
        encoded = [record.encode() for record in records]
        for record in encoded:
            offset += len(record)
            ends.append(Position(self._end.segment, offset))
        try:
            _write_all(self._segment, b"".join(encoded))
            os.fdatasync(self._segment.fileno())
        except OSError:
            with suppress(OSError):
                self._segment.truncate(self._end.offset)
            self._close_segment()
            raise
        self._end = ends[-1]
        return ends

    def replay(self) -> Iterator[tuple[Position, Record]]:
        """Every record that is not yet stored, oldest first, with the position where it ends.

        What cannot be read is moved to `damaged/`, counted in `damaged` and never stops the reading. To be
        finished before the first `append`.
        """
        for number, path in sorted(self._segments().items()):
            if number >= self._stored.segment:
                yield from self._read_segment(number, path)

    def checkpoint(self, stored: Position) -> None:
        """Drop the segments that are in the store up to a position, and note it.

        Dropping comes first: on a full disk it makes the room for the note.

        Raises:
            OSError: the disk refused; nothing is lost, at the next start more is read back than needed.
        """
        for number, path in self._segments().items():
            has_all_stored = number == stored.segment and path.stat().st_size <= stored.offset
            if number < stored.segment or (has_all_stored and number < self._end.segment):
                path.unlink()
        temporary = self._directory / "checkpoint.new"
        temporary.write_text(f"{stored.segment} {stored.offset}\n", encoding="ascii")
        temporary.replace(self._directory / "checkpoint")
        self._stored = stored

    def link_to(self, directory: Path) -> dict[Path, range]:
        """Link what the store may lack into a new directory; the files with which bytes of each are whole records.

        For who reads the log while it goes on: a linked file outlives its segment, and what is appended to it later
        does not count.

        Raises:
            OSError: the disk refused.
        """
        directory.mkdir()
        stored, end, found = self._stored, self._end, {}
        for number, path in sorted(self._segments().items()):
            if number < stored.segment or number > end.segment > 0:
                continue
            linked = directory / path.name
            with suppress(FileNotFoundError):  # stored meanwhile
                linked.hardlink_to(path)
                stop = end.offset if number == end.segment else linked.stat().st_size
                found[linked] = range(stored.offset if number == stored.segment else 0, stop)
        return {linked: held for linked, held in found.items() if held}

    def close(self) -> None:
        """Close the files and let another process have the log."""
        self._close_segment()
        self._lock.close()

    def _segments(self) -> dict[int, Path]:
        return {int(path.stem): path for path in self._directory.glob(f"*{_SUFFIX}") if path.stem.isdecimal()}

    def _start_segment(self) -> None:
        self._close_segment()
        number = max(time.time_ns(), self._end.segment + 1, self._stored.segment + 1, *(self._segments() or (0,)))
        path = self._directory / f"{number:020d}{_SUFFIX}"
        self._segment = path.open("xb", buffering=0)
        _sync_directory(self._directory)
        self._end = Position(number, 0)

    def _close_segment(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _read_segment(self, number: int, path: Path) -> Iterator[tuple[Position, Record]]:
        offset = self._stored.offset if number == self._stored.segment else 0
        with path.open("rb") as segment:
            segment.seek(offset)
            while (record := _read_record(segment)) is not None:
                offset += _HEADER.size + len(record.body)
                yield Position(number, offset), record
        if offset < path.stat().st_size:
            self._set_aside(number, path, offset)

    def _set_aside(self, number: int, path: Path, offset: int) -> None:
        self.damaged += 1
        folder = self._directory / "damaged"
        folder.mkdir(exist_ok=True)
        with path.open("r+b") as segment:
            segment.seek(offset)
            (folder / f"{number:020d}-{offset}").write_bytes(segment.read())
            segment.truncate(offset)
        _logger.warning("the log is damaged at byte %d of %s; what follows is kept in %s", offset, path, folder)


def _write_all(segment: BinaryIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[segment.write(left) :]


def _read_record(segment: BinaryIO) -> Record | None:
    header = segment.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    length, checksum, received_at, signal = _HEADER.unpack(header)
    if length > _LONGEST_BODY:
        return None
    body = segment.read(length)
    if len(body) < length or crc32(body, crc32(header[8:])) != checksum:
        return None
    return Record(received_at, signal, body)


def _read_checkpoint(directory: Path) -> Position:
    """An unreadable checkpoint means reading the whole log again, which stores nothing twice."""
    try:
        segment, offset = (directory / "checkpoint").read_text(encoding="ascii").split()
        return Position(int(segment), int(offset))
    except (FileNotFoundError, ValueError):
        return Position(0, 0)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
