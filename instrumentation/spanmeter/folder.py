"""The folder on disk that one process writes to, and the bodies in it."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

if sys.platform != "win32":
    import fcntl

SUFFIX: Final = ".otlp.gz"
_LOCK: Final = "lock"
_PRIVATE_FOLDER: Final = 0o700
_PRIVATE_FILE: Final = 0o600
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Parcel:
    """One body on disk; `own` if this process wrote it."""

    path: Path
    spans: int
    size: int
    own: bool

    @property
    def age_s(self) -> float:
        """Seconds since it was written, by its name; a file of another name is new."""
        written = self.path.name.partition("-")[0]
        return time.time() - int(written) / 1e9 if written.isdecimal() else 0.0

    def read(self) -> bytes | None:
        """Return the compressed body; None if somebody took it away."""
        with contextlib.suppress(OSError):
            return self.path.read_bytes()
        return None


class Folder:
    """A folder of one process's bodies, locked by who answers for it as long as it lives."""

    def __init__(self, path: Path, lock: int, *, own: bool) -> None:
        self.path = path
        self._lock = lock
        self._own = own

    @classmethod
    def make(cls, home: Path) -> Self:
        """Make a new folder for this process.

        Raises:
            OSError: the disk is full, read-only or somebody else's.
        """
        for _ in range(_ATTEMPTS):
            path = home / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
            with contextlib.suppress(BlockingIOError, FileNotFoundError):  # an adopter was faster than the lock
                home.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
                path.mkdir(mode=_PRIVATE_FOLDER)
                return cls(path, _locked(path), own=True)
        raise BlockingIOError(f"cannot keep a folder in {home}")

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """Take over the folder of a dead process; None if a living one holds it, or if it is none."""
        try:
            return cls(path, _locked(path), own=False)
        except OSError:
            return None

    def parcels(self) -> list[Parcel]:
        """Return the bodies in this folder."""
        found = []
        with contextlib.suppress(OSError):
            for path in self.path.glob(f"*{SUFFIX}"):
                spans = path.name.removesuffix(SUFFIX).rpartition("-")[2]
                if spans.isdecimal():
                    found.append(Parcel(path, int(spans), path.stat().st_size, own=self._own))
        return found

    def write(self, packed: bytes, *, spans: int) -> Parcel:
        """Write a body, which appears whole or not at all."""
        path = self.path / f"{time.time_ns():020d}-{spans}{SUFFIX}"
        unfinished = path.with_suffix(".part")
        try:
            with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE_FILE), "wb") as file:
                file.write(packed)
            unfinished.rename(path)
        except OSError:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise
        return Parcel(path, spans, len(packed), own=True)

    def close(self) -> None:
        """Give the lock back, and the folder when nothing is left in it."""
        with contextlib.suppress(OSError):
            if not self.parcels():
                for path in self.path.iterdir():
                    path.unlink()
                self.path.rmdir()
        self.forget()

    def forget(self) -> None:
        """Close the lock's file; a parent that forked this process keeps the lock."""
        with contextlib.suppress(OSError):
            os.close(self._lock)


def _locked(path: Path) -> int:
    lock = os.open(path / _LOCK, os.O_CREAT | os.O_RDWR, _PRIVATE_FILE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_nlink == 0:
            raise FileNotFoundError(f"{path} was tidied away meanwhile")
    except OSError:
        os.close(lock)
        raise
    return lock
