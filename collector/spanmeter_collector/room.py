"""Room: what has to be left on the disk before the embedded engine may begin to write.

It tells nobody when the disk fills up under one of its small files. An insert counts as done and its part lacks the
checksums, so that the next start finds it damaged; a table that is altered loses its description, and the store cannot
be opened again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

LEAST_BYTES: Final = 32 * 2**20
"""More than a batch writes at once, and half of what requests are refused below, so that what waits can be stored."""


SMALL_BYTES: Final = 4 * 2**20
"""Many times what a statement of a row or two writes."""
MERGING_BYTES: Final = 2 * LEAST_BYTES
"""Below this requests are refused, so that what is not merged does not pile up."""


class RoomError(OSError):
    """The disk is full, or nearly so."""


def has_room(directory: Path, *, least: int | None = None) -> bool:
    """Whether the disk of a directory, which need not be there yet, has room to write: `least` bytes."""
    return _free_bytes(directory) >= (LEAST_BYTES if least is None else least)


def require_room(directory: Path, *, least: int | None = None) -> None:
    """Let nothing begin without room, which is `least` bytes.

    Raises:
        RoomError: There is too little; the message says how much there is.
    """
    needed = LEAST_BYTES if least is None else least
    if (free := _free_bytes(directory)) < needed:
        raise RoomError(f"the disk is full: {free} bytes are free, {needed} are needed")


def _free_bytes(directory: Path) -> int:
    there = next(path for path in (directory, *directory.parents) if path.exists())
    disk = os.statvfs(there)
    return disk.f_bavail * disk.f_frsize
