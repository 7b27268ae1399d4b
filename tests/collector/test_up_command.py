"""`spanmeter up`, with a real sidecar and a real dashboard."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

StartUp = Callable[[int, int], subprocess.Popen[str]]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def up(tmp_path: Path) -> StartUp:
    """Starts `spanmeter up` with its sidecar and its dashboard on two ports."""

    def start(sidecar: int, dashboard: int) -> subprocess.Popen[str]:
        settings = {
            "SPANMETER_LISTEN": f"127.0.0.1:{sidecar}",
            "SPANMETER_GRPC_LISTEN": "127.0.0.1:0",
            "SPANMETER_DATA_DIR": str(tmp_path),
        }
        command = [sys.executable, "-m", "spanmeter_collector", "up", "--dashboard-port", str(dashboard)]
        return subprocess.Popen(
            command, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def wait_for(urls: tuple[str, ...], *, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not all(map(answers, urls)):
        assert time.monotonic() < deadline, f"{urls} do not answer after {within_s} s"
        time.sleep(0.2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_both_parts_run_until_told_to_stop(up: StartUp, number: signal.Signals) -> None:
    sidecar, dashboard = free_port(), free_port()
    urls = (f"http://127.0.0.1:{sidecar}/ready", f"http://127.0.0.1:{dashboard}/_stcore/health")
    with up(sidecar, dashboard) as process:
        wait_for(urls, within_s=60)
        process.send_signal(number)
        stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert stdout.startswith(
        f"sidecar        http://127.0.0.1:{sidecar}\ncost explorer  http://127.0.0.1:{dashboard}\nCtrl-C stops both.\n"
    )
    assert not any(map(answers, urls))


def test_one_part_that_ends_takes_the_other_with_it(up: StartUp) -> None:
    dashboard = free_port()
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with up(port, dashboard) as process:
            _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"SPANMETER_LISTEN='127.0.0.1:{port}'" in stderr
    assert "spanmeter up: the sidecar ended with status 1, so both stop" in stderr
    assert not answers(f"http://127.0.0.1:{dashboard}/_stcore/health")
