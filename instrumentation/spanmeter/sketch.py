"""A sketch of durations: quantiles within one percent, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

ERROR: Final = 0.01
"""How far a quantile may be from the true one, as a share of it."""
SHORTEST_S: Final = 1e-7
LONGEST_S: Final = 1e7
"""What is shorter or longer shares the first or the last bucket; `min_s` and `max_s` stay exact."""

_GAMMA: Final = (1 + ERROR) / (1 - ERROR)
_SCALE: Final = 1 / math.log(_GAMMA)
_CENTER: Final = 2 / (1 + _GAMMA)
_log: Final = math.log
_ceil: Final = math.ceil


class Sketch:
    """Count, total, extremes and quantiles of durations in seconds.

    Buckets grow by a constant factor, so that each stands for its middle with a relative error of at most `ERROR`
    (DDSketch, https://www.vldb.org/pvldb/vol12/p2195-masson.pdf, section 2); there are at most some 1,600.
    """

    __slots__ = ("_buckets", "count", "failed", "max_s", "min_s", "total_s")

    def __init__(self) -> None:
        self.count = 0
        self.failed = 0
        self.total_s = 0.0
        self.min_s = math.inf
        self.max_s = 0.0
        self._buckets: dict[int, int] = {}

    def add(self, seconds: float, failed: bool) -> None:  # noqa: FBT001  called for every span
        """Count one duration, and whether what took it failed."""
        self.count += 1
        self.total_s += seconds
        if failed:
            self.failed += 1
        if seconds > self.max_s:  # noqa: PLR1730  max() takes three times as long
            self.max_s = seconds
        if seconds < self.min_s:  # noqa: PLR1730
            self.min_s = seconds
        within = seconds if SHORTEST_S < seconds < LONGEST_S else min(max(seconds, SHORTEST_S), LONGEST_S)
        bucket = _ceil(_log(within) * _SCALE)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1

    def quantile(self, share: float) -> float:
        """Return the duration that this share of all does not exceed (nearest rank). An empty sketch has none: 0.0."""
        rank, seen = max(1, math.ceil(share * self.count)), 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                return min(max(_GAMMA**bucket * _CENTER, self.min_s), self.max_s)
        return 0.0


def merged(sketches: Iterable[Sketch]) -> Sketch:
    """Return a sketch of all that the given ones count; nothing is lost by merging."""
    whole = Sketch()
    for part in sketches:
        whole.count += part.count
        whole.failed += part.failed
        whole.total_s += part.total_s
        whole.min_s = min(whole.min_s, part.min_s)
        whole.max_s = max(whole.max_s, part.max_s)
        for bucket, count in part._buckets.items():  # noqa: SLF001  its own class's
            whole._buckets[bucket] = whole._buckets.get(bucket, 0) + count  # noqa: SLF001
    return whole
