from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from victim import Sidecar, address_of


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Sidecar]]:
    """Start sidecars, by default on free ports and all on one data directory; keywords are SPANMETER_* variables."""
    started: list[Sidecar] = []

    def start_one(**variables: str) -> Sidecar:
        lines = tmp_path / f"lines-{len(started)}"
        free = {"LISTEN": "127.0.0.1:0", "GRPC_LISTEN": "127.0.0.1:0", "DATA_DIR": str(tmp_path / "data")}
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        environ |= {f"SPANMETER_{name}": value for name, value in (free | variables).items()}
        command = [sys.executable, "-m", "spanmeter_collector", "collector"]
        with lines.open("wb") as file:
            process = subprocess.Popen(command, env=environ, stderr=file)
        started.append(Sidecar(process, address_of(process, lines), lines))
        return started[-1]

    yield start_one
    for sidecar in started:
        sidecar.kill()
