"""Caches with a clock of the test's own, every kind of level behind them, and a function that asks a provider."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakeredis import TcpFakeServer

from spanmeter.cache import Cache, Disk, Redis

PATIENCE_S = 20


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's Redis where it is installed, else a server in Python that speaks as it does."""
    port = _free_port()
    program = shutil.which("redis-server")
    if program is None:
        fake = TcpFakeServer(("127.0.0.1", port), server_type="redis")
        threading.Thread(target=fake.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{port}"
        fake.shutdown()
        fake.server_close()
        return
    words = [program, "--port", str(port), "--save", "", "--dir", str(tmp_path_factory.mktemp("redis"))]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _wait_for(port)
    yield f"redis://127.0.0.1:{port}"
    server.terminate()
    server.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


@pytest.fixture(params=["disk", "redis"])
def level(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Any]:
    """Each kind of level, empty."""
    made: Disk | Redis
    if request.param == "disk":
        made = Disk(tmp_path / "cache.sqlite", clock=clock)
    else:
        made = Redis(request.getfixturevalue("redis_url"), clock=clock)
        for name in ("answers", "others"):
            made.clear(name)
    yield made
    made.close()


@pytest.fixture
def disk(tmp_path: Path, clock: Clock) -> Iterator[Disk]:
    made = Disk(tmp_path / "cache.sqlite", clock=clock)
    yield made
    made.close()


@pytest.fixture
def answers(clock: Clock) -> Cache:
    return Cache("answers", clock=clock)


@pytest.fixture
def counted() -> Callable[..., Any]:
    """A function that says how often it was asked."""

    def ask(question: str) -> str:
        ask.calls += 1  # type: ignore[attr-defined]
        return f"{question} {ask.calls}"  # type: ignore[attr-defined]

    ask.calls = 0  # type: ignore[attr-defined]
    return ask
