"""What holds for every level behind memory: on disk and in Redis."""

from __future__ import annotations

from typing import Any


def test_what_is_put_is_there_for_another_reader(level: Any) -> None:
    level.put("answers", "a", b"one", expires_at=None)
    level.put("answers", "a", b"two", expires_at=None)
    level.close()

    assert (level.get("answers", "a"), level.get("answers", "b"), level.get("others", "a")) == (b"two", None, None)


def test_what_has_expired_is_not_there(level: Any, clock: Any) -> None:
    level.put("answers", "gone", b"one", expires_at=clock.now)
    level.put("answers", "there", b"one", expires_at=clock.now + 60)

    assert (level.get("answers", "gone"), level.get("answers", "there")) == (None, b"one")


def test_keys_are_those_of_one_cache(level: Any) -> None:
    for cache, key in (("answers", "a"), ("answers", "b"), ("others", "c")):
        level.put(cache, key, b"", expires_at=None)

    assert (sorted(level.keys("answers")), sorted(level.keys("others"))) == (["a", "b"], ["c"])


def test_what_is_dropped_is_gone_and_known(level: Any) -> None:
    level.put("answers", "a", b"", expires_at=None)

    assert [level.drop("answers", "a"), level.drop("answers", "a"), level.get("answers", "a")] == [True, False, None]


def test_clearing_one_cache_leaves_the_others(level: Any) -> None:
    level.put("answers", "a", b"", expires_at=None)
    level.put("others", "a", b"", expires_at=None)
    level.clear("answers")

    assert (list(level.keys("answers")), list(level.keys("others"))) == ([], ["a"])
