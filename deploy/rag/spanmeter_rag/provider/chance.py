"""Chance that comes out the same again: numbers drawn from a seed and what a request says."""

from __future__ import annotations

import hashlib
import math


def draw(*parts: object) -> float:
    """Return a number in [0, 1) that depends on the parts alone."""
    text = "\x1f".join(str(part) for part in parts)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def spread(number: float, *, width: float = 0.5) -> float:
    """Turn a number in [0, 1) into a factor around one with a long tail upwards, as latencies have."""
    clamped = min(max(number, 0.001), 0.999)
    return math.exp(width * math.log(clamped / (1 - clamped)) / 1.7)
