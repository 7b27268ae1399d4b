from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from spanmeter_rag import processes as module
from spanmeter_rag.ports import free
from spanmeter_rag.processes import Child, ChildError, Processes, wait_until_ready

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    (tmp_path / "broken.py").write_text("print('one', flush=True)\nraise SystemExit('no store here')")
    return tmp_path


def _start(processes: Processes, modules: Path, module: str, *arguments: str, name: str = "") -> Child:
    return processes.start(name or module, module, arguments, {**os.environ, "PYTHONPATH": str(modules)})


def test_leaving_the_block_stops_every_child(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        port = str(free())
        child = _start(processes, tmp_path, "http.server", "--bind", "127.0.0.1", port)
        wait_until_ready(child, f"http://127.0.0.1:{port}/")
    assert child.process.returncode is not None


def test_a_child_that_does_not_end_is_killed(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STOP_S", 0.3)
    with Processes(modules) as processes:
        child = _start(processes, modules, "stubborn")
        while "deaf" not in child.output.read_text():
            time.sleep(0.05)
    assert child.process.returncode == -9


def test_a_child_that_ended_is_named_with_its_last_lines(modules: Path) -> None:
    with Processes(modules) as processes:
        child = _start(processes, modules, "broken")
        with pytest.raises(ChildError) as error:
            wait_until_ready(child, f"http://127.0.0.1:{free()}/")
        with pytest.raises(ChildError, match="broken ended with status 1"):
            processes.check()
    assert str(error.value) == (
        f"broken ended with status 1.\nIts last lines ({child.output}):\n  | one\n  | no store here"
    )


def test_a_child_that_gets_not_ready_in_time_says_what_is_missing(
    modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_START_S", 0.3)
    with Processes(modules) as processes:
        child = _start(processes, modules, "stubborn")
        with pytest.raises(ChildError, match=r"stubborn is not ready after 0 s: ConnectError"):
            wait_until_ready(child, f"http://127.0.0.1:{free()}/")
        monkeypatch.setattr(module, "_STOP_S", 0.1)


def test_one_child_can_be_stopped_before_the_others(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STOP_S", 0.1)
    with Processes(modules) as processes:
        first, second = (_start(processes, modules, "stubborn", name=name) for name in ("first", "second"))
        processes.stop(second)
        assert (first.process.poll(), second.process.returncode is None) == (None, False)


def test_an_interrupt_while_stopping_kills_what_is_left(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Child) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_await_end", interrupted)
    processes = Processes(modules)
    children = [_start(processes, modules, "stubborn", name=name) for name in ("first", "second")]
    while not all("deaf" in child.output.read_text() for child in children):
        time.sleep(0.05)
    with pytest.raises(KeyboardInterrupt):
        processes.__exit__(None, None, None)
    assert [child.process.returncode for child in children] == [-9, -9]
