"""What a hit costs: CPU of the process, the least of several rounds, beside other caches in the same run.

Instrumented, that includes encoding and sending the span of every hit, to a receiver in a process of its own.

make bench-cache
"""

from __future__ import annotations

import functools
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Final

import cachetools
from langchain_community.cache import SQLiteCache
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration

import spanmeter
from spanmeter.cache import Cache, Disk, Memory
from spanmeter.cache.langchain import LLMCache

ROUNDS: Final = 9
ANSWER: Final = "answer " * 50
GENERATIONS: Final = [ChatGeneration(message=AIMessage(ANSWER))]
NO_MEMORY: Final = Memory(max_bytes=1)

Hit = tuple[str, Callable[[], object], int]


def answer(question: str) -> str:
    """A short text."""
    return f"{question}: {ANSWER}"


def vector(text: str) -> list[float]:
    """As many numbers as a usual embedding has."""
    return [number / 7 + len(text) for number in range(1536)]


def functions(folder: Path) -> Iterator[Hit]:
    """Each cache before a function, by its name, and how many hits make a round."""
    plain = functools.lru_cache(answer)
    timed = cachetools.cached(cachetools.TTLCache[object, str](1000, 3600))(answer)
    memory, vectors = Cache("memory")(answer), Cache("vectors")(vector)
    disk = Disk(folder / "functions.sqlite")
    Cache("disk", behind=disk)(answer)("question")
    behind = Cache("disk", behind=disk, memory=NO_MEMORY)(answer)
    yield "functools.lru_cache", lambda: plain("question"), 20_000
    yield "cachetools.TTLCache", lambda: timed("question"), 20_000
    yield "spanmeter.cache, memory", lambda: memory("question"), 2_000
    yield "spanmeter.cache, memory, 1,536 numbers", lambda: vectors("question"), 2_000
    yield "spanmeter.cache, disk", lambda: behind("question"), 1_000


def answers(folder: Path) -> Iterator[Hit]:
    """Each cache of LangChain's answers."""
    theirs = SQLiteCache(str(folder / "theirs.sqlite"))
    disk = Disk(folder / "answers.sqlite")
    memory, behind = LLMCache(Cache("memory")), LLMCache(Cache("disk", behind=disk, memory=NO_MEMORY))
    for cache in (theirs, memory, behind):
        cache.update("prompt", "model", GENERATIONS)
    yield "LangChain SQLiteCache", lambda: theirs.lookup("prompt", "model"), 200
    yield "LLMCache, memory", lambda: memory.lookup("prompt", "model"), 500
    yield "LLMCache, disk", lambda: behind.lookup("prompt", "model"), 500


@contextmanager
def receiver() -> Iterator[str]:
    """The address of one that takes every span."""
    words = [sys.executable, str(Path(__file__).with_name("app_sink.py"))]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.terminate()


def best_us(hit: Callable[[], object], calls: int) -> float:
    """The least CPU of any round, in microseconds a hit."""
    hit()
    taken = []
    for _ in range(ROUNDS):
        started = process_time()
        for _ in range(calls):
            hit()
        taken.append((process_time() - started) / calls)
    return min(taken) * 1e6


def main() -> None:
    """Measure without instrumentation, then with it."""
    with tempfile.TemporaryDirectory(prefix="spanmeter-bench-") as folder:
        hits = [*functions(Path(folder)), *answers(Path(folder))]
        bare = {name: best_us(hit, calls) for name, hit, calls in hits}
        with receiver() as endpoint:
            spanmeter.instrument(service_name="bench", endpoint=endpoint)
            known = {name: best_us(hit, calls) for name, hit, calls in hits}
            spanmeter.uninstrument()
    said = [f"CPU us a hit, the least of {ROUNDS} rounds; Python {platform.python_version()}", ""]
    said += ["| cache | not instrumented | instrumented |", "|---|---:|---:|"]
    said += [f"| {name} | {bare[name]:.1f} | {known[name]:.1f} |" for name in bare]
    sys.stdout.write("\n".join(said) + "\n")


if __name__ == "__main__":
    main()
