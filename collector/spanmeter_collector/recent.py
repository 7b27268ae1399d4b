"""What this process took in lately, in little memory, so that the store is asked only about what it may hold already.

Where it says that a span is new, it is: what came in since the start is remembered, by two filters that may take a new
span for a known one but never a known one for new, and what was stored before, or is forgotten again, started no later
than is remembered of each day.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import compress
from mmap import mmap
from typing import Final

from spanmeter_collector.row import SpanKey

_WORDS: Final = 2**22
_MOST_ITEMS: Final = 4_000_000
_LAST_WORD: Final = _WORDS - 1
_PATTERNS: Final = 4096
_LAST_PATTERN: Final = _PATTERNS - 1
_BITS_OF_A_PATTERN: Final = 3
_DAY_NS: Final = 86_400_000_000_000
_TRACE_BYTES: Final = 16
_OTHERS: Final = b"others"
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

    def doubtful(
        self, keys: Sequence[SpanKey], starts: Sequence[int], ends: Sequence[int], *, others: Collection[bytes]
    ) -> set[bytes]:
        """The traces of which the store may hold what matters; all these spans are remembered from now on.

        That is one of the spans or, where spans of other instrumentations than ours tell of calls, any span of their
        trace. `others` are the traces in which such spans came in. Times are in nanoseconds since 1970.
        """
        if len(self._newer) >= _MOST_ITEMS:
            self._forget()
        traces = list(dict.fromkeys(trace_id for trace_id, _ in keys))
        seen = set(self._met(traces))
        doubted = {trace_id for trace_id in self._told_by_others(seen, others) if trace_id in seen}
        again = self._met([trace_id + span_id for trace_id, span_id in keys])
        doubted.update(trace_id for key in again if (trace_id := key[:_TRACE_BYTES]) in seen)
        doubted.update(self._old(keys, starts, ends))
        return doubted

    def _met(self, items: Sequence[bytes]) -> list[bytes]:
        """Those that may have been met before."""
        numbers = list(map(hash, items))
        known = compress(items, self._newer.add(numbers))
        return [*known, *compress(items, self._older.hold(numbers))] if len(self._older) else list(known)

    def _told_by_others(self, seen: Collection[bytes], others: Collection[bytes]) -> set[bytes]:
        self._met([trace_id + _OTHERS for trace_id in others])
        marked = [trace_id + _OTHERS for trace_id in seen]
        numbers = list(map(hash, marked))
        told = {*compress(marked, self._newer.hold(numbers)), *compress(marked, self._older.hold(numbers))}
        return {trace_id[:_TRACE_BYTES] for trace_id in told}

    def _old(self, keys: Sequence[SpanKey], starts: Sequence[int], ends: Sequence[int]) -> Iterator[bytes]:
        """The traces of spans that began when others had that were stored before, or are forgotten."""
        newest = self._newer.newest
        for (trace_id, _), start, end in zip(keys, starts, ends, strict=True):
            day = start // _DAY_NS
            if start <= self._before.get(day, 0) or start <= self._before.get(day - 1, 0):
                yield trace_id
            if end > newest.get(day, 0):
                newest[day] = end

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

    def doubtful(
        self, keys: Sequence[SpanKey], _starts: Sequence[int], _ends: Sequence[int], *, others: Collection[bytes]
    ) -> set[bytes]:
        """All traces."""
        return {trace_id for trace_id, _ in keys}.union(others)

    def tell(self, _tellers: Collection[tuple[str, str]], **_period: int) -> set[str] | None:
        """None: nothing is known of the instrumentations that told of calls."""
        return None


class _Filter:
    """A Bloom filter over 64-bit numbers; the bits of one are all in one word, as in Putze, Sanders and Singler (2007).

    Of a full one's answers for new numbers some 4 in 100,000 are wrong. Its memory is taken as it fills.
    """

    def __init__(self) -> None:
        self._words = memoryview(mmap(-1, 8 * _WORDS)).cast("Q")
        self._items = 0
        self.newest: dict[int, int] = {}

    def __len__(self) -> int:
        return self._items

    def add(self, numbers: Iterable[int]) -> list[bool]:
        """Add numbers; which of them may have been there."""
        words, known = self._words, []
        for number in numbers:
            bits = _LOWER[number >> 22 & _LAST_PATTERN] | _UPPER[number >> 34 & _LAST_PATTERN]
            word = words[place := number & _LAST_WORD]
            known.append(word & bits == bits)
            words[place] = word | bits
        self._items += len(known)
        return known

    def hold(self, numbers: Iterable[int]) -> list[bool]:
        """Which numbers may be there."""
        words, known = self._words, []
        for number in numbers:
            bits = _LOWER[number >> 22 & _LAST_PATTERN] | _UPPER[number >> 34 & _LAST_PATTERN]
            known.append(words[number & _LAST_WORD] & bits == bits)
        return known


def _patterns(seed: int) -> list[int]:
    chance = random.Random(seed)  # noqa: S311  spreads bits, hides nothing
    return [sum(1 << bit for bit in chance.sample(range(64), _BITS_OF_A_PATTERN)) for _ in range(_PATTERNS)]


_LOWER: Final = _patterns(1)
_UPPER: Final = _patterns(2)
