"""What this process took in lately, in little memory, so that the store is asked only about what it may hold already.

Where it says that a span is new, it is: what came in since the start is remembered, by two filters that may take a new
span for a known one but never a known one for new, and what was stored before, or is forgotten again, started no later
than is remembered of each day.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from mmap import mmap
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanmeter_collector.staged import Extents, Mask, Numbers, mixed

_WORDS: Final = 2**22
_MOST_ITEMS: Final = 4_000_000
_LAST_WORD: Final = np.uint64(_WORDS - 1)
_PATTERNS: Final = 4096
_LAST_PATTERN: Final = np.uint64(_PATTERNS - 1)
_AFTER_PLACE: Final = np.uint64(22)
_AFTER_LOWER: Final = np.uint64(34)
_BITS_OF_A_PATTERN: Final = 3
_DAY_NS: Final = 86_400_000_000_000
_MOST_TELLERS: Final = 4096
_LONGEST_SKEW_NS: Final = 60_000_000_000


class Recent:
    """Not safe to share between threads: it belongs to who holds the ledger."""

    def __init__(self, stored: Mapping[int, int], *, opened_at: int) -> None:
        """Begin with what the store holds: by day, counted from 1970, the newest start, in nanoseconds since 1970."""
        today = opened_at // _DAY_NS
        self._before = dict(stored)
        if not self._before.keys().isdisjoint((today - 1, today, today + 1)):
            self._before[today] = max(opened_at, self._before.get(today, 0))
        self._newer, self._older = _Filter(), _Filter()
        self._told: dict[tuple[str, str], int] = {}
        self._stored = {day: max(newest, opened_at) + _LONGEST_SKEW_NS for day, newest in stored.items()}
        self._told_before = -1

    def doubtful(self, spans: Extents, *, others: Collection[bytes]) -> set[bytes]:
        """The traces of which the store may hold what matters; all these spans are remembered from now on.

        That is one of the spans or, where spans of other instrumentations than ours tell of calls, any span of their
        trace. `others` are the traces in which such spans came in.
        """
        if len(self._newer) >= _MOST_ITEMS:
            self._forget()
        traces, of_span = np.unique(mixed(spans.ids[:, :2]), return_inverse=True)
        seen = self._met(traces)
        self._met(_marked(mixed(np.frombuffer(b"".join(others), "<u8").reshape(-1, 2))))
        told = seen & self._held(_marked(traces))
        doubted = told[of_span] | (seen[of_span] & self._met(mixed(spans.ids))) | self._old(spans)
        return {trace_id.tobytes() for trace_id in spans.ids[doubted, :2]}

    def _met(self, numbers: Numbers) -> Mask:
        """Which may have been met before; all are met from now on."""
        return self._older.hold(numbers) | self._newer.add(numbers)

    def _held(self, numbers: Numbers) -> Mask:
        return self._older.hold(numbers) | self._newer.hold(numbers)

    def _old(self, spans: Extents) -> Mask:
        """The spans that began when others had that were stored before, or are forgotten."""
        newest, old = self._newer.newest, np.zeros(len(spans.starts), bool)
        days = spans.starts // _DAY_NS
        for day in np.unique(days).tolist():
            then = days == day
            before = max(self._before.get(day, 0), self._before.get(day - 1, 0))
            old |= then & (spans.starts <= before)
            newest[day] = max(int(spans.ends[then].max()), newest.get(day, 0))
        return old

    def tell(self, tellers: Collection[tuple[str, str]], *, since: int, until: int) -> set[str] | None:
        """Which instrumentations told of calls of the same services that were under way since then.

        None where that is not known. `tellers`, by service and scope, told of such calls until then, from now on.
        """
        services = {service for service, _ in tellers}
        told = {scope for (service, scope), end in self._told.items() if end >= since and service in services}
        stored = (newest for day, newest in self._stored.items() if day <= until // _DAY_NS)
        known = since > max(stored, default=self._told_before) and since > self._told_before
        self._told |= {teller: max(until, self._told.get(teller, 0)) for teller in tellers}
        if len(self._told) > _MOST_TELLERS:
            self._told_before = max(self._told_before, *self._told.values())
            self._told.clear()
        return told if known else None

    def _forget(self) -> None:
        for day, end in self._older.newest.items():
            self._before[day] = max(end, self._before.get(day, 0))
        self._newer, self._older = _Filter(), self._newer


class Unknown:
    """What is recent in a store that others write to as well: it has to be asked about everything."""

    def doubtful(self, spans: Extents, *, others: Collection[bytes]) -> set[bytes]:
        """All traces."""
        return {trace_id.tobytes() for trace_id in spans.ids[:, :2]}.union(others)

    def tell(self, _tellers: Collection[tuple[str, str]], **_period: int) -> set[str] | None:
        """None: nothing is known of the instrumentations that told of calls."""
        return None


class _Filter:
    """A Bloom filter over 64-bit numbers; the bits of one are all in one word, as in Putze, Sanders and Singler (2007).

    Of a full one's answers for new numbers some 4 in 100,000 are wrong. Its memory is taken as it fills.
    """

    def __init__(self) -> None:
        self._words = np.frombuffer(mmap(-1, 8 * _WORDS), "<u8")
        self._items = 0
        self.newest: dict[int, int] = {}

    def __len__(self) -> int:
        return self._items

    def add(self, numbers: Numbers) -> Mask:
        """Add numbers; which of them may have been there."""
        places, bits = _place(numbers)
        known: Mask = self._words[places] & bits == bits
        np.bitwise_or.at(self._words, places, bits)
        self._items += len(numbers)
        return known

    def hold(self, numbers: Numbers) -> Mask:
        """Which numbers may be there."""
        places, bits = _place(numbers)
        known: Mask = self._words[places] & bits == bits
        return known


def _place(numbers: Numbers) -> tuple[NDArray[np.int64], Numbers]:
    """In which word the bits of each number are, and which ones."""
    lower, upper = numbers >> _AFTER_PLACE & _LAST_PATTERN, numbers >> _AFTER_LOWER & _LAST_PATTERN
    return (numbers & _LAST_WORD).astype("<i8"), _LOWER[lower.astype("<i8")] | _UPPER[upper.astype("<i8")]


def _marked(traces: Numbers) -> Numbers:
    """What stands for traces as those in which other instrumentations told of calls."""
    return mixed((traces + np.uint64(1)).reshape(-1, 1))


def _patterns(seed: int) -> Numbers:
    chance = random.Random(seed)  # noqa: S311  spreads bits, hides nothing
    bits = [sum(1 << bit for bit in chance.sample(range(64), _BITS_OF_A_PATTERN)) for _ in range(_PATTERNS)]
    return np.array(bits, "<u8")


_LOWER: Final = _patterns(1)
_UPPER: Final = _patterns(2)
