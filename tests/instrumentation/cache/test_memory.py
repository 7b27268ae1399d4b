"""Memory keeps what was used last, up to its size and for its time."""

from __future__ import annotations

import pytest

from spanmeter.cache import Memory
from spanmeter.cache.entry import Entry
from spanmeter.cache.memory import Held, MemoryLevel

OWN = 200


def held(size: int, *, expires_at: float | None = None) -> Held:
    return Held(Entry(b"x" * size, expires_at), lambda: size)


def test_what_was_used_longest_ago_makes_room() -> None:
    level = MemoryLevel(Memory(max_bytes=3 * (OWN + 100)))
    for key in "abc":
        level.put(key, held(100))
    level.get("a", now=0)
    level.put("d", held(100))

    assert [key for key in "abcd" if level.get(key, now=0)] == ["a", "c", "d"]
    assert (level.entries, level.bytes) == (3, 900)


def test_what_has_expired_is_gone() -> None:
    level = MemoryLevel(Memory())
    level.put("a", held(1, expires_at=10))

    assert [level.get("a", now=now) is not None for now in (9.0, 10.0, 9.0)] == [True, False, False]
    assert level.entries == 0


def test_what_is_larger_than_all_of_it_is_not_kept() -> None:
    level = MemoryLevel(Memory(max_bytes=1000))
    level.put("small", held(1))
    level.put("large", held(1000))

    assert (level.get("large", now=0), level.entries) == (None, 1)


def test_what_is_dropped_and_cleared_is_gone() -> None:
    level = MemoryLevel(Memory())
    for key in "ab":
        level.put(key, held(1))
    level.drop("a")
    left = level.entries
    level.clear()

    assert (left, level.entries) == (1, 0)


def test_a_size_is_above_nothing() -> None:
    with pytest.raises(ValueError, match="max_bytes=0 is not allowed; allowed: a number of bytes above 0"):
        Memory(max_bytes=0)
