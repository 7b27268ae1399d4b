"""Spans wait here, on disk, until the sidecar is back.

A file is one OTLP body, compressed, named by the time it was written and the spans it holds. Each process writes to a
folder of its own and holds a lock on it; what a dead process left is recognised by its free lock and adopted. Folders
are grouped by destination, so that nothing is ever sent to another sidecar than the one it was meant for.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from spanmeter.folder import SUFFIX, Folder, Parcel

DEFAULT_MB: Final = 256
MAX_AGE_S: Final = 7 * 24 * 3600.0
"""How long spans wait that no living process answers for and none is there to send."""
COUNT_OTHERS_EVERY_S: Final = 10.0
_MB: Final = 1024 * 1024


class SpoolFullError(Exception):
    """There is no room for a body."""


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """Where spans wait for the sidecar and how much disk they may take; no directory or zero bytes is no spool."""

    directory: Path | None
    max_bytes: int

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read `SPANMETER_SPOOL_DIR` and `SPANMETER_SPOOL_MB`.

        The directory is by default in `$XDG_STATE_HOME`, else ~/.local/state: it survives a restart of the machine,
        unlike /tmp, and is the user's own (https://specifications.freedesktop.org/basedir-spec/latest/).
        The size is by default 256 MB: an hour at 50 spans/s takes some 20 MB, ten times that with captured text.

        Raises:
            ValueError: a variable is malformed; the message names it, its value and what is allowed.
        """
        told = environ.get("SPANMETER_SPOOL_MB", "").strip() or str(DEFAULT_MB)
        if not (told.isascii() and told.isdecimal()):
            raise ValueError(f"SPANMETER_SPOOL_MB={told!r}: expected a whole number of megabytes; 0 is no spool")
        return cls(_directory(environ), int(told) * _MB)


class Spool:
    """The bodies that wait for one destination; for any number of threads and processes."""

    def __init__(self, settings: SpoolSettings, *, url: str) -> None:
        self._max_bytes = settings.max_bytes if sys.platform != "win32" else 0  # no locks there
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        self._root = settings.directory
        self._home = settings.directory / name if settings.directory else None
        self.begin()

    def begin(self) -> None:
        """Start with nothing of one's own, as a process does after a fork: what waits is its parent's."""
        for folder in getattr(self, "_folders", ()):
            folder.forget()
        self._lock = threading.Lock()
        self._folders: list[Folder] = []
        self._own: Folder | None = None
        self._parcels: list[Parcel] = []
        self._bytes = 0
        self._others_bytes, self._others_counted = 0, -COUNT_OTHERS_EVERY_S

    @property
    def usable(self) -> bool:
        """Tell whether there is a place to write to."""
        return self._home is not None and self._max_bytes > 0

    @property
    def home(self) -> Path | None:
        """Where the folders of this destination are."""
        return self._home

    @property
    def spans(self) -> int:
        """How many spans wait here that this process answers for."""
        with self._lock:
            return sum(parcel.spans for parcel in self._parcels)

    def put(self, packed: bytes, *, spans: int) -> None:
        """Keep a compressed body that holds so many spans.

        Raises:
            SpoolFullError: the spool would outgrow its bound.
            OSError: the disk is full, read-only or somebody else's.
        """
        with self._lock:
            if self._home is None or self._used() + len(packed) > self._max_bytes:
                raise SpoolFullError
            self._parcels.append(self._own_folder(self._home).write(packed, spans=spans))
            self._bytes += len(packed)

    def oldest(self) -> Parcel | None:
        """Return what waits longest of all that this process answers for."""
        with self._lock:
            return self._parcels[0] if self._parcels else None

    def remove(self, parcel: Parcel) -> None:
        """Forget a body that was sent, or never can be."""
        with self._lock:
            with contextlib.suppress(OSError):
                parcel.path.unlink()
            if parcel not in self._parcels:
                return  # closed meanwhile
            self._parcels.remove(parcel)
            self._bytes -= parcel.size
            if not self._parcels:
                self._release()

    def adopt(self) -> None:
        """Answer from now on for what dead processes left."""
        with self._lock:
            found = list(self._orphans())
            self._folders += found
            self._parcels = sorted(
                [*self._parcels, *(parcel for folder in found for parcel in folder.parcels())],
                key=lambda parcel: parcel.path.name,
            )
            self._bytes = sum(parcel.size for parcel in self._parcels)
            if not self._parcels:
                self._release()

    def postpone(self, parcel: Parcel) -> None:
        """Let what else waits go first."""
        with self._lock:
            if parcel in self._parcels:
                self._parcels.remove(parcel)
                self._parcels.append(parcel)

    def disown(self) -> None:
        """Leave what dead processes left to a process that the sidecar lets in."""
        with self._lock:
            for folder in [folder for folder in self._folders if folder is not self._own]:
                self._folders.remove(folder)
                folder.close()
            self._parcels = [parcel for parcel in self._parcels if parcel.own]
            self._bytes = sum(parcel.size for parcel in self._parcels)

    def expire(self) -> int:
        """Delete what nobody answered for in `MAX_AGE_S`, whomever it was meant for; return how many spans."""
        if self._root is None or not self.usable:
            return 0
        expired = 0
        with contextlib.suppress(OSError):
            for home in sorted(self._root.iterdir()):
                if home != self._home:
                    expired += _expired(home)
        return expired

    def close(self) -> None:
        """Leave what still waits to the next process."""
        with self._lock:
            self._release()
            self._parcels, self._bytes = [], 0

    def _release(self) -> None:
        for folder in self._folders:
            folder.close()
        self._folders, self._own = [], None

    def _own_folder(self, home: Path) -> Folder:
        if self._own is None or not self._own.path.is_dir():  # somebody may tidy up
            self._own = Folder.make(home)
            self._folders.append(self._own)
        return self._own

    def _orphans(self) -> Iterator[Folder]:
        if self._home is None or not self.usable:
            return
        held = {folder.path for folder in self._folders}
        with contextlib.suppress(OSError):
            for path in sorted(self._home.iterdir()):
                folder = None if path in held else Folder.adopt(path)
                if folder is not None:
                    yield folder

    def _used(self) -> int:
        now = time.monotonic()
        if now >= self._others_counted + COUNT_OTHERS_EVERY_S:
            self._others_counted = now
            self._others_bytes = _bytes_below(self._root) - self._bytes
        return self._others_bytes + self._bytes


def _directory(environ: Mapping[str, str]) -> Path | None:
    told = environ.get("SPANMETER_SPOOL_DIR", "").strip()
    if told:
        path = Path(told)
        if not path.is_absolute() or (path.exists() and not path.is_dir()):
            raise ValueError(f"SPANMETER_SPOOL_DIR={told!r}: expected the absolute path of a directory")
        return path
    state = environ.get("XDG_STATE_HOME", "")
    if not state:
        with contextlib.suppress(RuntimeError):  # a user without a home
            state = str(Path("~/.local/state").expanduser())
    return Path(state, "spanmeter", "spool") if state else None


def _expired(home: Path) -> int:
    """Delete the folders of a home that are too old and return how many spans were in them."""
    spans = 0
    for path in sorted(home.iterdir()):
        folder = Folder.adopt(path)
        if folder is None:
            continue
        parcels = folder.parcels()
        if all(parcel.age_s > MAX_AGE_S for parcel in parcels):
            spans += sum(parcel.spans for parcel in parcels)
            for parcel in parcels:
                parcel.path.unlink(missing_ok=True)
        folder.close()
    with contextlib.suppress(OSError):  # there is more in it
        home.rmdir()
    return spans


def _bytes_below(root: Path | None) -> int:
    if root is None:
        return 0
    sizes = 0
    for path in root.glob(f"*/*/*{SUFFIX}"):
        with contextlib.suppress(OSError):  # a sibling sent it meanwhile
            sizes += path.stat().st_size
    return sizes
