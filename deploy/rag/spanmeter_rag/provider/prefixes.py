"""Prompt prefixes seen before, which OpenAI bills at the cached rate.

From 1,024 tokens, in steps of 128: https://platform.openai.com/docs/guides/prompt-caching
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock

_STEP = 128
_SHORTEST = 1024
_KEPT = 50_000


class PrefixCache:
    """Remembers the prefixes of the prompts of each model, the oldest forgotten first. Safe among threads."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._lock = Lock()

    def take(self, model: str, prompt: Sequence[int]) -> int:
        """Return how many leading tokens were seen before, and remember the prompt for the next time."""
        cached = 0
        with self._lock:
            for length, key in _prefixes(model, prompt):
                if key in self._seen:
                    cached = length
                self._seen[key] = None
                self._seen.move_to_end(key)
            while len(self._seen) > _KEPT:
                self._seen.popitem(last=False)
        return cached if cached >= _SHORTEST else 0


def _prefixes(model: str, prompt: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    digest = hashlib.blake2b(model.encode(), digest_size=16)
    for end in range(_STEP, len(prompt) + 1, _STEP):
        digest.update(",".join(map(str, prompt[end - _STEP : end])).encode())
        yield end, digest.digest()
