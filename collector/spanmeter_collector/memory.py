"""How the C allocator treats the bodies of requests."""

from __future__ import annotations

import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_MOST_ARENAS: Final = -8


def keep_memory_small() -> None:
    """Take bodies from the heap instead of mapping fresh pages for each, and use two heaps instead of one a core.

    See mallopt(3). Where the C library has no mallopt, nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 32 * 2**20)
        mallopt(_TRIM_THRESHOLD, 64 * 2**20)
        mallopt(_MOST_ARENAS, 2)
