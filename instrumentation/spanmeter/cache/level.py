"""What a cache needs of the level behind its memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Level(Protocol):
    """Written entries by cache and key, shared by processes and there after a restart.

    Each method raises one of `faults` where the level cannot be reached, is full or is no cache at all.
    """

    @property
    def faults(self) -> tuple[type[Exception], ...]:
        """What a level raises when it fails."""

    def get(self, cache: str, key: str) -> bytes | None:
        """What was written, None where nothing was or it has expired."""

    def put(self, cache: str, key: str, written: bytes, *, expires_at: float | None) -> None:
        """Write an entry that holds until `expires_at` seconds after 1970, None for ever."""

    def claim(self, cache: str, key: str, holder: str, *, for_s: float) -> bool:
        """Claim a key for `holder` until it is freed, for `for_s` seconds at most; whether nobody else has it."""

    def free(self, cache: str, key: str, holder: str) -> None:
        """Give up the claim of `holder`, and nobody else's."""

    def drop(self, cache: str, key: str) -> bool:
        """Forget an entry; whether there was one."""

    def keys(self, cache: str) -> Iterator[str]:
        """The keys of a cache."""

    def clear(self, cache: str) -> None:
        """Forget all entries and claims of a cache."""
