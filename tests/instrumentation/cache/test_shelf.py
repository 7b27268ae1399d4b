"""Entries that are damaged, foreign or out of reach are misses that are counted, and nothing is unpickled."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spanmeter.cache import Cache, Disk, Redis


class Trap:
    """Unpickling it leaves a mark."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("/tmp/spanmeter-unpickled"),))


def test_the_level_behind_answers_another_process(counted: Callable[[str], str], level: Any) -> None:
    Cache("answers", behind=level)(counted)("a")
    other = Cache("answers", behind=level)
    ask = other(counted)

    assert [ask("a"), ask("a")] == ["a 1", "a 1"]
    assert (other.stats().hits, other.stats().memory_hits, other.stats().misses) == (2, 1, 0)


def written(level: Any) -> tuple[str, bytes]:
    (key,) = level.keys("answers")
    return key, level.get("answers", key)


@pytest.mark.parametrize(
    "damage",
    [
        lambda was: was[:-1],
        lambda was: was[:-1] + bytes([was[-1] ^ 1]),
        lambda _: b"",
        lambda _: b'"a 1"',
        lambda _: pickle.dumps(Trap()),
    ],
    ids=["cut", "changed", "empty", "foreign", "pickle"],
)
def test_a_damaged_or_foreign_entry_is_a_miss(damage: Any, counted: Callable[[str], str], level: Any) -> None:
    Cache("answers", behind=level)(counted)("a")
    key, was = written(level)
    level.put("answers", key, damage(was), expires_at=None)
    cache = Cache("answers", behind=level)

    assert (cache(counted)("a"), cache.stats().damaged, cache.stats().misses) == ("a 2", 1, 1)
    assert not Path("/tmp/spanmeter-unpickled").exists()
    assert Cache("answers", behind=level)(counted)("a") == "a 2"


def test_an_entry_of_another_type_is_a_miss(level: Any) -> None:
    cache = Cache("answers", behind=level)
    cache(named(str, "text"))("a")
    other = Cache("answers", behind=level)

    assert (other(named(int, 5))("a"), other.stats().damaged) == (5, 1)


def named(kind: type, value: object) -> Callable[[str], Any]:
    values = [value]

    def ask(question: str) -> Any:  # noqa: ARG001
        return values[0]

    ask.__annotations__["return"] = kind
    return ask


def test_an_entry_of_another_key_is_a_miss(counted: Callable[[str], str], level: Any) -> None:
    ask = Cache("answers", behind=level)(counted)
    ask("a")
    key, was = written(level)
    ask("b")
    (other,) = set(level.keys("answers")) - {key}
    level.put("answers", other, was, expires_at=None)

    assert Cache("answers", behind=level)(counted)("b") == "b 3"


def test_redis_that_is_away_is_a_miss(counted: Callable[[str], str], caplog: Any) -> None:
    cache = Cache("answers", behind=Redis("redis://127.0.0.1:1"))
    with caplog.at_level(logging.WARNING, logger="spanmeter"):
        said = [cache(counted)(question) for question in "ab"]

    assert (said, [cache(counted)("a")]) == (["a 1", "b 2"], ["a 1"])
    assert (cache.stats().misses, cache.stats().hits, cache.stats().faults) == (2, 1, 4)
    (record,) = caplog.records
    assert record.getMessage().startswith("cache answers goes on without what is behind its memory: Error ")


async def test_redis_that_is_away_is_a_miss_for_those_who_await(counted: Callable[[str], str]) -> None:
    cache = Cache("answers", behind=Redis("redis://127.0.0.1:1"))

    @cache
    async def ask(question: str) -> str:
        return str(counted(question))

    assert [await ask("a"), await ask("a")] == ["a 1", "a 1"]


def test_a_file_of_something_else_is_a_miss(counted: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "letter").write_bytes(b"somebody's letter " * 500)
    cache = Cache("answers", behind=Disk(tmp_path / "letter"))

    assert (cache(counted)("a"), cache.stats().faults) == ("a 1", 2)


def test_a_folder_that_cannot_be_made_is_a_miss(counted: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = Cache("answers", behind=Disk(tmp_path / "file" / "cache.sqlite"))

    assert (cache(counted)("a"), cache.stats().faults) == ("a 1", 2)


FULL = """
import resource, signal, sys
from spanmeter import barrier
from spanmeter.cache import Cache, Disk, Memory
barrier.raise_faults(on=True)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
cache = Cache("answers", behind=Disk(sys.argv[1]), memory=Memory(max_bytes=1000))
@cache
def ask(number: int) -> str:
    return str(number) * 5000
ask(1)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
assert all(ask(number) == str(number) * 5000 for number in range(2, 60))
print(cache.stats().misses, cache.stats().faults > 0, ask(1) == "1" * 5000)
"""


def test_a_full_disk_is_a_miss(tmp_path: Path) -> None:
    words = [sys.executable, "-c", FULL, str(tmp_path / "cache.sqlite")]
    asked = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)

    assert asked.stdout.split() == ["59", "True", "True"]
