from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
import uvicorn

from spanmeter_rag.ports import LOOPBACK, free
from spanmeter_rag.provider.app import Provider, create_app
from spanmeter_rag.provider.faults import Faults
from spanmeter_rag.provider.prefixes import PrefixCache
from spanmeter_rag.provider.record import Record
from spanmeter_rag.provider.tokens import Tokenizer, load_tokenizer
from spanmeter_rag.settings import Settings
from spanmeter_rag.surroundings import for_service

_T = TypeVar("_T")


class Finish(Protocol):
    """Runs a coroutine to its end and returns what it returns."""

    def __call__(self, coroutine: Coroutine[Any, Any, _T]) -> _T: ...


@dataclass(frozen=True)
class RunningProvider:
    url: str
    record: Record

    @property
    def settings(self) -> Settings:
        return Settings(provider_url=f"{self.url}/v1")


@pytest.fixture
def finish() -> Finish:
    """Runs a coroutine in a thread and a loop of its own, which leaves nothing behind for later tests."""

    def run(coroutine: Coroutine[Any, Any, _T]) -> _T:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, coroutine).result()

    return run


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return load_tokenizer()


@pytest.fixture
def provider(tokenizer: Tokenizer, tmp_path: Path) -> Iterator[RunningProvider]:
    with _running(tokenizer, tmp_path / "record.jsonl", fault_rate=0.0) as running:
        yield running


@pytest.fixture
def refusing_provider(tokenizer: Tokenizer, tmp_path: Path) -> Iterator[RunningProvider]:
    """Refuses twice whatever it is asked, then answers."""
    with _running(tokenizer, tmp_path / "record.jsonl", fault_rate=1.0) as running:
        yield running


@dataclass(frozen=True)
class RunningService:
    url: str
    process: subprocess.Popen[bytes]
    log: Path
    provider: RunningProvider


@pytest.fixture(scope="session")
def service(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """The real process; its spans go to the provider, which refuses them at once."""
    settings = {"RAG_ATTEMPTS": "3", "RAG_BREAKER_FAILURES": "500", "RAG_ROUTER_MODEL": "gpt-4.1-nano"}
    with _serving(tokenizer, tmp_path_factory.mktemp("service"), settings) as running:
        yield running


@pytest.fixture
def strict_service(tokenizer: Tokenizer, tmp_path: Path) -> Iterator[RunningService]:
    """One that gives no degraded replies, has money for one question and leaves what failed once alone for long."""
    settings = {"RAG_DEGRADED": "off", "RAG_BUDGET_USD": "0.0001", "RAG_ATTEMPTS": "1"}
    settings |= {"RAG_BREAKER_FAILURES": "1", "RAG_BREAKER_OPEN_S": "600"}
    with _serving(tokenizer, tmp_path, settings, fault_rate=0.0) as running:
        yield running


@contextmanager
def _serving(
    tokenizer: Tokenizer, folder: Path, settings: Mapping[str, str], *, fault_rate: float = 0.05
) -> Iterator[RunningService]:
    with _running(tokenizer, folder / "record.jsonl", fault_rate=fault_rate) as provider:
        environment = for_service(os.environ, port=free(), sidecar_url=provider.url, provider_url=provider.url)
        environment |= settings
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "spanmeter_rag"], env=environment, stderr=log)
        yield RunningService(f"http://{environment['RAG_LISTEN']}", process, folder / "log", provider)
        process.kill()
        process.wait()


class _running:  # noqa: N801  reads as a statement
    def __init__(self, tokenizer: Tokenizer, path: Path, *, fault_rate: float) -> None:
        self._record = Record(path)
        app = create_app(
            Provider(
                record=self._record,
                tokenizer=tokenizer,
                faults=Faults(rate=fault_rate, seed=1),
                prefixes=PrefixCache(),
                speed=1000.0,
            )
        )
        self._port = free()
        self._server = uvicorn.Server(uvicorn.Config(app, LOOPBACK, self._port, log_level="error", ws="none"))
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> RunningProvider:
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
        return RunningProvider(f"http://{LOOPBACK}:{self._port}", self._record)

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._record.close()
