"""One entry of a cache, and how it is written: checked bytes that say what they are, never a pickle."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

_MARK: Final = b"SMC1"
_DIGEST: Final = 16
_LENGTH: Final = struct.Struct(">I")
_HEAD: Final = len(_MARK) + _DIGEST


@dataclass(frozen=True, slots=True)
class Entry:
    """What was computed once: the written value, until when it holds and what computing it cost.

    `expires_at` is in seconds since 1970, None for never; `saved_usd` is what a hit saves in US dollars, None where
    that is not known.
    """

    payload: bytes
    expires_at: float | None = None
    saved_usd: Decimal | None = None

    def holds(self, now: float) -> bool:
        """Whether the entry may still be used."""
        return self.expires_at is None or now < self.expires_at


def write_entry(entry: Entry, *, place: str) -> bytes:
    """Spell an entry for the one place it belongs to."""
    saved = None if entry.saved_usd is None else format(entry.saved_usd, "f")
    told = json.dumps({"expires_at": entry.expires_at, "saved_usd": saved}, separators=(",", ":")).encode()
    rest = _LENGTH.pack(len(told)) + told + entry.payload
    return _MARK + _digest(rest, place) + rest


def read_entry(written: bytes, *, place: str) -> Entry | None:
    """Read what `write_entry` spelled; None where it is damaged, of another place or nobody's."""
    rest = written[_HEAD:]
    if written[: len(_MARK)] != _MARK or written[len(_MARK) : _HEAD] != _digest(rest, place):
        return None
    (length,) = _LENGTH.unpack_from(rest)
    start = _LENGTH.size + length
    try:
        told = json.loads(rest[_LENGTH.size : start])
        return Entry(rest[start:], told["expires_at"], _usd(told["saved_usd"]))
    except (ValueError, TypeError, KeyError, InvalidOperation):
        return None


def _usd(text: Any) -> Decimal | None:  # noqa: ANN401
    return None if text is None else Decimal(text)


def _digest(rest: bytes, place: str) -> bytes:
    return hashlib.blake2b(rest, digest_size=_DIGEST, key=hashlib.blake2b(place.encode()).digest()).digest()
