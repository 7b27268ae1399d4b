"""A record: one request as it stands in a segment of the log, and how records are found again.

A record begins with a magic number, so that reading goes on behind damage. The checksum of its header starts from the
segment's number: a record is one only where it was written, not where a body or a recycled block happens to hold the
bytes of one. The same idea as the salt of https://www.sqlite.org/fileformat.html#the_write_ahead_log.
"""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass
from typing import Final, NamedTuple
from zlib import crc32

MAGIC: Final = b"\xd5Sp2"
"""The last byte is the version; a record of another version is no record."""
_HEADER: Final = struct.Struct("<4sIQBIII")  # magic, length, received at (ms), signal, spans, CRC of body, of header
_OLDER: Final = struct.Struct("<IIQB")  # length, CRC of the rest, received at, signal: without magic, before version 2
_PIECE_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class Record:
    """One request: when it came in (milliseconds since 1970), its signal number, body and number of spans."""

    received_at: int
    signal: int
    body: bytes
    spans: int = 0

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return _HEADER.size + len(self.body)

    def encode(self, segment: int) -> bytes:
        """The record as it stands in this segment."""
        known = (MAGIC, len(self.body), self.received_at, self.signal, self.spans, crc32(self.body))
        header = _HEADER.pack(*known, 0)[:-4]
        return header + struct.pack("<I", crc32(header, _salt(segment))) + self.body


class Stretch(NamedTuple):
    """Part of a segment: an open file, the segment's number, the offset of the first byte and of the one behind it."""

    descriptor: int
    segment: int
    offset: int
    until: int


class _Header(NamedTuple):
    size: int
    length: int
    received_at: int
    signal: int
    spans: int
    checksum: int
    seed: int


def read_record(stretch: Stretch) -> tuple[Record, int] | None:
    """The record that a stretch begins with and the offset behind it; None when it does not begin with one."""
    if (header := _read_header(stretch)) is None:
        return None
    body = read_bytes(stretch.descriptor, header.length, stretch.offset + header.size)
    if crc32(body, header.seed) != header.checksum:
        return None
    record = Record(header.received_at, header.signal, body, header.spans)
    return record, stretch.offset + header.size + header.length


def next_record(stretch: Stretch) -> int:
    """The offset of the first record behind the first byte of a stretch, or its end when there is none."""
    start = stretch.offset + 1
    while piece := read_bytes(stretch.descriptor, min(_PIECE_BYTES, max(stretch.until - start, 0)), start):
        at = piece.find(MAGIC)
        while at >= 0:
            if read_record(stretch._replace(offset=start + at)):
                return start + at
            at = piece.find(MAGIC, at + 1)
        start += max(len(piece) - len(MAGIC) + 1, 1)
    return stretch.until


def count_spans(stretch: Stretch) -> tuple[int, int]:
    """The spans of a stretch, as its headers tell them up to the first damaged one, and when the first came in."""
    spans, since = 0, 0
    while header := _read_header(stretch):
        spans += header.spans
        since = since or header.received_at
        stretch = stretch._replace(offset=stretch.offset + header.size + header.length)
    return spans, since


def read_bytes(descriptor: int, size: int, offset: int) -> bytes:
    """Bytes of a file; zeros where the disk cannot give them back."""
    try:
        return os.pread(descriptor, size, offset)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return bytes(size)


def _read_header(stretch: Stretch) -> _Header | None:
    known = read_bytes(stretch.descriptor, min(_HEADER.size, stretch.until - stretch.offset), stretch.offset)
    header = _header(known, stretch.segment) if known.startswith(MAGIC) else _older_header(known)
    if header is None or stretch.offset + header.size + header.length > stretch.until:
        return None
    return header


def _header(known: bytes, segment: int) -> _Header | None:
    if len(known) < _HEADER.size or crc32(known[:-4], _salt(segment)) != int.from_bytes(known[-4:], "little"):
        return None
    _, length, received_at, signal, spans, checksum, _ = _HEADER.unpack(known)
    return _Header(_HEADER.size, length, received_at, signal, spans, checksum, 0)


def _older_header(known: bytes) -> _Header | None:
    if len(known) < _OLDER.size:
        return None
    length, checksum, received_at, signal = _OLDER.unpack_from(known)
    return _Header(_OLDER.size, length, received_at, signal, 0, checksum, crc32(known[8 : _OLDER.size]))


def _salt(segment: int) -> int:
    return segment & 0xFFFFFFFF
