"""Embeddings by hashed term weights: texts about the same things point the same way."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spanmeter_rag.provider.words import terms

DIMENSIONS = 512
_PAIR_WEIGHT = 0.5


def embed(text: str, *, dimensions: int = DIMENSIONS) -> NDArray[np.float32]:
    """Return a vector of length one (all zeros for a text without a telling word); the same text gives the same."""
    vector = np.zeros(dimensions, dtype=np.float32)
    for term, weight in _weights(text).items():
        position, sign = _place(term, dimensions)
        vector[position] += sign * weight
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector


def _weights(text: str) -> dict[str, float]:
    words = terms(text)
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    single = {word: (1 + math.log(count)) * _rarity(word) for word, count in Counter(words).items()}
    double = {pair: _PAIR_WEIGHT * (1 + math.log(count)) for pair, count in Counter(pairs).items()}
    return single | double


def _rarity(word: str) -> float:
    """Longer words and dunder names say more; stands in for the document frequency a provider cannot know."""
    return 2.5 if word.startswith(("__", "<")) else min(2.0, 0.6 + 0.2 * len(word))


@lru_cache(maxsize=65_536)
def _place(term: str, dimensions: int) -> tuple[int, float]:
    digest = hashlib.blake2b(term.encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big")
    return number % dimensions, 1.0 if number >> 63 else -1.0
