"""How the sidecar keeps its memory small."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_MOST_ARENAS: Final = -8
_UNUSED: Final = ("pandas", "pyarrow")
_DONTNEED: Final = 4
_NEW_OBJECTS: Final = 100_000
_MAPS: Final = Path("/proc/self/maps")
_ENGINE: Final = "/_chdb."


def prepare_memory() -> None:
    """Choose how memory is taken; to be called before the store is opened.

    chDB and clickhouse-connect import pyarrow and pandas where they are installed, which takes 85 MB and half a second
    at the first insert, and nothing here uses them. The C library is told to take the bodies of requests from
    the heap instead of mapping fresh pages for each, and to use two heaps instead of eight a core, see mallopt(3);
    where it has no mallopt, nothing changes. Python looks for cycles of unused objects once in 100,000 new ones: a
    batch makes many more, none of them in a cycle, and looking after every 700 takes a seventh of the time.
    """
    gc.set_threshold(_NEW_OBJECTS)
    for module in _UNUSED:
        sys.modules.setdefault(module, None)  # type: ignore[arg-type]
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 32 * 2**20)
        mallopt(_TRIM_THRESHOLD, 64 * 2**20)
        mallopt(_MOST_ARENAS, 2)


def return_engine_code() -> None:
    """Give back the pages of chDB's machine code that only its start needed; to be called when it is open.

    Some 100 MB: the kernel maps 16 pages around each one touched. Code is never written, so what is needed again
    comes from the page cache, see madvise(2). Without /proc, nothing changes.
    """
    madvise = getattr(ctypes.CDLL(None), "madvise", None)
    if madvise is None or not _MAPS.exists():
        return
    for start, end in _engine_code():
        madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _DONTNEED)


def _engine_code() -> Iterator[tuple[int, int]]:
    for line in _MAPS.read_text(encoding="utf-8").splitlines():
        addresses, access, *_, path = line.split()
        if access == "r-xp" and _ENGINE in path:
            start, _, end = addresses.partition("-")
            yield int(start, 16), int(end, 16)
