"""Encodings come from this machine alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiktoken.registry

from spanmeter.estimate import encodings

HIDDEN = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
TEXT = "Grüße an 3 Kühe: it's 12345.67\n\n\tdef f(x): return '中文'  # ok  \r\n"


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what was loaded before and after, and have any connection fail."""

    def refuse(*_: object) -> None:
        raise AssertionError("an encoding was asked for over the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})
    encodings._load.cache_clear()
    yield
    encodings._load.cache_clear()


def shipped() -> Path:
    return next(each for each in encodings._directories() if (each / HIDDEN).is_file())


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base"])
def test_an_encoding_is_what_tiktoken_makes_of_the_same_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(shipped()))
    ours = encodings.encoding(name)

    assert ours is not None
    assert ours.encode_ordinary(TEXT) == tiktoken.get_encoding(name).encode_ordinary(TEXT)


def test_what_the_application_loaded_is_not_loaded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(shipped()))
    loaded = tiktoken.get_encoding("cl100k_base")

    assert encodings.encoding("cl100k_base") is loaded


def test_nothing_is_downloaded_when_no_package_ships_an_encoding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(encodings, "_SHIPPED", ())
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))

    assert [encodings.encoding(name) for name in ("cl100k_base", "p50k_base", "nonsense")] == [None, None, None]
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_not_used_and_not_touched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    damaged = tmp_path / HIDDEN
    damaged.write_bytes(b"IQ== 0\n")
    monkeypatch.setattr(encodings, "_SHIPPED", ())
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))

    assert encodings.encoding("cl100k_base") is None
    assert damaged.read_bytes() == b"IQ== 0\n"


def test_the_applications_own_cache_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copy(shipped() / HIDDEN, tmp_path)
    monkeypatch.setattr(encodings, "_SHIPPED", ())
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))

    assert encodings.encoding("cl100k_base") is not None


def test_many_threads_load_an_encoding_once() -> None:
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(encodings.encoding("cl100k_base"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_importing_reads_no_encoding_and_no_tiktoken() -> None:
    program = "import spanmeter.estimate, sys; print('tiktoken' in sys.modules, 'llama_index' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, check=True)

    assert ran.stdout == "False False\n"
