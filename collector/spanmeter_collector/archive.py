"""The archive: a snapshot as one tar file that says what it is and can be checked.

First comes `spanmeter-backup.json`, then `store/<table>/<part>/<file>` and `log/<file>`, last `checksums.txt` with the
SHA-256 of each: without it an archive is not whole. Nothing is compressed, for the store's parts are.
"""

from __future__ import annotations

import json
import re
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from spanmeter.version import __version__
from spanmeter_collector.snapshot import Snapshot
from spanmeter_collector.times import write_nanoseconds

FORMAT: Final = 1
_HEADER: Final = "spanmeter-backup.json"
_CHECKSUMS: Final = "checksums.txt"
_PIECE_BYTES: Final = 2**20
_BLOCK: Final = 512
_MODE: Final = 0o600
_WORD: Final = r"[A-Za-z0-9_%-][A-Za-z0-9_%.-]*"
_PATH: Final = re.compile(rf"store/{_WORD}/{_WORD}/{_WORD}(/{_WORD})?|log/{_WORD}")
_LONGEST_TEXT: Final = 64 * 2**20


class ArchiveError(Exception):
    """A file is no backup, is not whole, or was written by a later version; the message says which."""


@dataclass(frozen=True, slots=True)
class Header:
    """What an archive holds: rows by table. Times are RFC 3339."""

    format: int
    spanmeter: str
    engine: str
    taken_at: str
    rows: Mapping[str, int]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Header:
        """The header of a snapshot that is being taken now."""
        rows = {name: table.rows for name, table in snapshot.tables.items()}
        return cls(FORMAT, __version__, snapshot.engine, write_nanoseconds(time.time_ns()), rows)


def pieces(snapshot: Snapshot) -> Iterator[bytes]:
    """The archive of a snapshot, piece by piece."""
    yield from _member(_HEADER, json.dumps(asdict(Header.of(snapshot)), indent=2).encode())
    sums = []
    for path, file, held in _files(snapshot):
        digest = sha256()
        yield _head(path, len(held))
        for piece in _read(file, held):
            digest.update(piece)
            yield piece
        yield bytes(-len(held) % _BLOCK)
        sums.append(f"{digest.hexdigest()}  {path}\n")
    yield from _member(_CHECKSUMS, "".join(sums).encode())
    yield bytes(2 * _BLOCK)


def extract(source: IO[bytes], directory: Path) -> Header:
    """Write an archive's `store` and `log` into a directory.

    Raises:
        ArchiveError: It is no archive, is not whole, or is of a later version.
    """
    try:
        with tarfile.open(fileobj=source, mode="r|") as archive:
            return _extract(archive, directory)
    except (tarfile.TarError, EOFError, UnicodeDecodeError) as error:
        raise ArchiveError(f"this is no backup, or it is torn: {error}") from error


def _extract(archive: tarfile.TarFile, directory: Path) -> Header:
    header, sums, told = None, {}, None
    for member in archive:
        if header is None:
            header = _header(member, archive)
        elif member.name == _CHECKSUMS:
            told = _text(archive, member)
        elif told is not None or not member.isreg() or _PATH.fullmatch(member.name) is None:
            raise ArchiveError(f"{member.name!r} does not belong into a backup")
        else:
            sums[member.name] = _write(archive, member, directory)
    if header is None or told is None:
        raise ArchiveError("the backup is torn: its end is missing")
    _compare(sums, told)
    return header


def _header(member: tarfile.TarInfo, archive: tarfile.TarFile) -> Header:
    if member.name != _HEADER:
        raise ArchiveError(f"this is no backup: it does not begin with {_HEADER}")
    try:
        known = json.loads(_text(archive, member))
        if known["format"] > FORMAT:
            raise ArchiveError(f"spanmeter {known['spanmeter']} wrote this backup; restore it with that version")
        return Header(**known)
    except (ValueError, TypeError, KeyError) as error:
        raise ArchiveError(f"this is no backup: {_HEADER} cannot be read") from error


def _text(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = archive.extractfile(member)
    if file is None or member.size > _LONGEST_TEXT:
        raise ArchiveError(f"{member.name} is no text")
    return file.read().decode()


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, directory: Path) -> str:
    """Write a file and return its sum."""
    path, digest = directory / member.name, sha256()
    path.parent.mkdir(parents=True, exist_ok=True)
    file = archive.extractfile(member)
    assert file is not None  # noqa: S101  it is a regular file
    with path.open("xb") as written:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            written.write(piece)
    return digest.hexdigest()


def _compare(sums: Mapping[str, str], told: str) -> None:
    expected = {path: digest for digest, _, path in (line.partition("  ") for line in told.splitlines())}
    if wrong := sorted(expected.items() ^ sums.items()):
        raise ArchiveError(f"the backup is damaged: the checksum of {wrong[0][0]} is wrong")


def _files(snapshot: Snapshot) -> Iterator[tuple[str, Path, range]]:
    for name, table in snapshot.tables.items():
        for part, directory in table.parts.items():
            for file in sorted(path for path in directory.rglob("*") if path.is_file()):
                yield f"store/{name}/{part}/{file.relative_to(directory)}", file, range(file.stat().st_size)
    for file, held in snapshot.log.items():
        yield f"log/{file.name}", file, held


def _read(path: Path, held: range) -> Iterator[bytes]:
    left = len(held)
    with path.open("rb") as file:
        file.seek(held.start)
        while left:
            piece = file.read(min(left, _PIECE_BYTES))
            if not piece:
                raise ArchiveError(f"{path} became shorter while it was read")
            left -= len(piece)
            yield piece


def _member(path: str, content: bytes) -> Iterator[bytes]:
    yield _head(path, len(content)) + content + bytes(-len(content) % _BLOCK)


def _head(path: str, size: int) -> bytes:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode, entry.mtime = size, _MODE, int(time.time())
    return entry.tobuf(format=tarfile.PAX_FORMAT)
