"""Of several processes that miss at once one computes; a claim is freed, expires, or is given up waiting for."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spanmeter.cache import Cache, Disk, Redis

PATIENCE_S = 30
FORKING = """
import json, os, pathlib, sys, time
from spanmeter.cache import Cache, Disk, Redis

def run(place, folder, seconds, claim_s):
    folder = pathlib.Path(folder)
    level = Redis(place) if place.startswith("redis") else Disk(place)
    cache = Cache("answers", behind=level, claim_s=claim_s)

    @cache
    def ask(question: str) -> str:
        (folder / f"asked-{os.getpid()}").touch()
        time.sleep(seconds)
        if (folder / "fails").exists():
            (folder / "fails").unlink()
            raise OSError("away")
        return question + " answered"

    (folder / f"ready-{os.getpid()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.002)
    try:
        return f"{ask('a')} {cache.stats().shared_hits} {cache.stats().misses}"
    except OSError as error:
        return str(error)

for line in sys.stdin:
    child = os.fork()
    if not child:
        told = json.loads(line)
        said = pathlib.Path(told["folder"]) / f"said-{os.getpid()}"
        said.with_name("new-" + said.name).write_text(run(**told))
        said.with_name("new-" + said.name).rename(said)
        os._exit(0)
    print(child, flush=True)
"""
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")

Begin = Callable[..., int]


@pytest.fixture(scope="module")
def begin() -> Iterator[Begin]:
    """Starts processes that ask, of one that has imported everything; what they say stands in `said-<pid>`."""
    words = [sys.executable, "-c", FORKING]
    forking = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    written, read = forking.stdin, forking.stdout
    assert written is not None
    assert read is not None

    def ask(place: str, folder: Path, *, seconds: float, claim_s: float = 30) -> int:
        told = {"place": place, "folder": str(folder), "seconds": seconds, "claim_s": claim_s}
        written.write(json.dumps(told) + "\n")
        written.flush()
        return int(read.readline())

    yield ask
    forking.communicate(timeout=PATIENCE_S)


@pytest.fixture
def place(level: Any, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.getfixturevalue("redis_url") if isinstance(level, Redis) else tmp_path / "cache.sqlite")


def until_there(folder: Path, pattern: str, count: int) -> list[str]:
    """The texts of files, once there are so many."""
    deadline = time.monotonic() + PATIENCE_S
    while len(found := list(folder.glob(pattern))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return sorted(file.read_text() for file in found)


def at_once(begin: Begin, place: str, folder: Path) -> list[str]:
    for _ in range(2):
        begin(place, folder, seconds=0.5)
    until_there(folder, "ready-*", 2)
    (folder / "go").touch()
    return until_there(folder, "said-*", 2)


def test_of_processes_that_miss_at_once_one_computes(begin: Begin, place: str, tmp_path: Path) -> None:
    said = at_once(begin, place, tmp_path)

    assert (said, len(list(tmp_path.glob("asked-*")))) == (["a answered 0 1", "a answered 1 0"], 1)


def test_after_one_that_fails_another_computes(begin: Begin, tmp_path: Path) -> None:
    (tmp_path / "fails").touch()
    said = at_once(begin, str(tmp_path / "cache.sqlite"), tmp_path)

    assert (said, len(list(tmp_path.glob("asked-*")))) == (["a answered 0 1", "away"], 2)


def test_the_claim_of_a_process_that_is_killed_expires(begin: Begin, place: str, level: Any, tmp_path: Path) -> None:
    killed = begin(place, tmp_path, seconds=600, claim_s=0.5)
    (tmp_path / "go").touch()
    until_there(tmp_path, "asked-*", 1)
    os.kill(killed, signal.SIGKILL)
    begin(place, tmp_path, seconds=0, claim_s=0.5)

    assert until_there(tmp_path, "said-*", 1) == ["a answered 0 1"]
    assert list(level.keys("answers")) != []


def claimed(level: Any, key: str = "a", *, holder: str = "one", for_s: float = 60) -> bool:
    return bool(level.claim("answers", key, holder, for_s=for_s))


def test_a_claim_is_its_holders_until_it_is_freed(level: Any) -> None:
    said = [claimed(level), claimed(level, holder="other"), claimed(level, "b", holder="other")]
    level.free("answers", "a", "other")
    said.append(claimed(level, holder="other"))
    level.free("answers", "a", "one")
    said.append(claimed(level, holder="other"))

    assert said == [True, False, True, False, True]


def test_a_claim_is_no_entry(level: Any) -> None:
    claimed(level)

    assert (level.get("answers", "a"), list(level.keys("answers"))) == (None, [])


def test_a_claim_on_disk_expires(disk: Disk, clock: Any) -> None:
    said = [claimed(disk, for_s=10)]
    clock.now += 9.9
    said.append(claimed(disk, holder="other", for_s=10))
    clock.now += 0.2
    said.append(claimed(disk, holder="other", for_s=10))

    assert said == [True, False, True]


def test_a_claim_of_a_clock_that_was_set_back_holds_nobody_up(disk: Disk, clock: Any) -> None:
    claimed(disk, for_s=10)
    clock.now -= 3600

    assert claimed(disk, holder="other", for_s=10)


def test_who_has_waited_long_enough_computes(level: Any, counted: Any) -> None:
    cache = Cache("answers", behind=level, claim_s=0.1)
    ask: Any = cache(counted)
    key = ask._spanmeter_asked._calls.key(("a",), {})
    claimed(level, key, holder="nobody that lives")

    assert (ask("a"), cache.stats().misses, claimed(level, key, holder="other")) == ("a 1", 1, False)


async def test_those_who_await_hold_up_nobody_else(level: Any) -> None:
    cache, other = (Cache("answers", behind=level) for _ in range(2))
    asked, let = asyncio.Event(), asyncio.Event()

    async def ask(question: str) -> str:
        asked.set()
        await let.wait()
        return f"{question} answered"

    first = asyncio.create_task(cache(ask)("a"))
    await asked.wait()
    second = asyncio.create_task(other(ask)("a"))
    while not second.done() and not let.is_set():
        await asyncio.sleep(0.05)
        let.set()

    assert (await first, await second) == ("a answered", "a answered")
    assert (other.stats().shared_hits, other.stats().misses) == (1, 0)


async def test_a_task_that_is_cancelled_frees_its_claim(level: Any) -> None:
    cache = Cache("answers", behind=level)
    asked = asyncio.Event()

    @cache
    async def ask(question: str) -> str:
        asked.set()
        await asyncio.Event().wait()
        return question

    task = asyncio.create_task(ask("a"))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    key = ask._spanmeter_asked._calls.key(("a",), {})  # type: ignore[attr-defined]
    deadline = time.monotonic() + PATIENCE_S
    while not claimed(level, key, holder="other"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def test_a_forked_process_frees_nothing_of_its_parents(disk: Disk) -> None:
    cache = Cache("answers", behind=disk)
    key = "a"
    assert cache.claims._claim(key)
    child = os.fork()
    if not child:
        cache.claims.free(key)
        os._exit(0)
    os.waitpid(child, 0)

    assert not claimed(disk, key, holder="other")


def test_a_length_is_above_nothing() -> None:
    with pytest.raises(ValueError, match=r"claim_s=0 is not allowed; allowed: a number of seconds above 0"):
        Cache("answers", claim_s=0)


def test_threads_of_one_process_do_not_ask_the_level_twice(disk: Disk) -> None:
    cache, let, asked = Cache("answers", behind=disk), threading.Event(), []

    @cache
    def ask(question: str) -> str:
        asked.append(question)
        assert let.wait(PATIENCE_S)
        return question

    threads = [threading.Thread(target=ask, args=("a",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    let.set()
    for thread in threads:
        thread.join()

    assert asked == ["a"]
