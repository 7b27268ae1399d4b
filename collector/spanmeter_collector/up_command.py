"""`spanmeter up`: the sidecar and the cost explorer as two processes under this one."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

from spanmeter_collector.collector_command import MODULES as SIDECAR_MODULES
from spanmeter_collector.console import complain, say
from spanmeter_collector.dashboard_command import PORT, check_free, dashboard_command, port
from spanmeter_collector.extra import require
from spanmeter_collector.sidecar import default_url

GRACE_S: Final = 30.0
_POLL_S: Final = 0.2
_PARTS: Final = ("the sidecar", "the cost explorer")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the cost explorer listens; the sidecar takes its settings from SPANMETER_* variables."""
    parser.add_argument("--dashboard-port", type=port, default=PORT, metavar="PORT", help=f"cost explorer ({PORT})")


def run(arguments: argparse.Namespace) -> int:
    """Start both, say where they are, and stop both when told to or when one of them ends.

    Raises:
        MissingExtraError: The extra `collector` or `dashboard` is not installed.
        SettingError: The cost explorer's port is taken.
    """
    require("collector", *SIDECAR_MODULES)
    check_free("127.0.0.1", arguments.dashboard_port, option="--dashboard-port")
    url = default_url(os.environ)
    commands = (
        [sys.executable, "-m", "spanmeter_collector", "collector"],
        dashboard_command(address="127.0.0.1", port=arguments.dashboard_port, url=url),
    )
    with _told_to_stop() as told, _running(commands) as processes:
        say(f"sidecar        {url}\ncost explorer  http://127.0.0.1:{arguments.dashboard_port}\nCtrl-C stops both.")
        while not told and all(process.poll() is None for process in processes):
            time.sleep(_POLL_S)
        ended = [part for part in zip(_PARTS, processes, strict=True) if part[1].returncode is not None]
        if told or not ended:
            return 0
        name, status = ended[0][0], int(ended[0][1].returncode)
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        complain(f"spanmeter up: {name} {how}, so both stop")
        return abs(status)


@contextmanager
def _running(commands: Sequence[Sequence[str]]) -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            processes.append(subprocess.Popen(command, start_new_session=True))  # noqa: S603, PERF401  # one may fail
        yield processes
    finally:
        _stop(processes)


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE_S
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _told_to_stop() -> Iterator[list[int]]:
    """Collects the signals that say stop instead of dying of them."""
    told: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        told.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
