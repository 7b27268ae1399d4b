"""The demo's child processes: started with their output in a file, watched, and stopped in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from spanmeter_rag.screen import progress

_START_S = 120.0
_STOP_S = 6.0
_PAUSE_S = 0.2
_SHOWN_LINES = 15


class ChildError(RuntimeError):
    """A child ended on its own or did not get ready; the message names it and shows its last lines."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process that was started, and the file with what it says."""

    name: str
    process: subprocess.Popen[bytes]
    output: Path

    def check(self) -> None:
        """Raise ChildError when the process has ended."""
        if (status := self.process.poll()) is not None:
            raise ChildError(f"{self.name} ended with status {status}.\n{self.last_lines()}")

    def last_lines(self) -> str:
        """Return the end of its output."""
        lines = self.output.read_text(encoding="utf-8", errors="replace").splitlines()[-_SHOWN_LINES:]
        return "\n".join([f"Its last lines ({self.output}):", *(f"  | {line}" for line in lines)])


class Processes:
    """Starts children and, on leaving the block, stops all that are left.

    The last started ends first, because it may still send to the others. An interrupt meanwhile kills them at once.
    """

    def __init__(self, output: Path) -> None:
        self._output = output
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stop_all()
        finally:
            for child in self._children:
                _tell(child, signal.SIGKILL)
                child.process.wait()

    def start(self, name: str, module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Child:
        """Start `python -m module arguments` in a session of its own, so that Ctrl-C reaches only us."""
        output = self._output / f"{name.replace(' ', '-')}.log"
        with output.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603  our own interpreter and modules, no shell
                [sys.executable, "-m", module, *arguments],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, process, output)
        self._children.append(child)
        return child

    def stop(self, child: Child) -> None:
        """Stop one child in order and wait for its end."""
        _tell(child, signal.SIGTERM)
        _await_end(child)
        self._children.remove(child)

    def check(self) -> None:
        """Raise ChildError when a child has ended."""
        for child in self._children:
            child.check()

    def _stop_all(self) -> None:
        if self._children:
            self.stop(self._children[-1])
        for child in self._children:
            _tell(child, signal.SIGTERM)
        for child in self._children:
            _await_end(child)


def wait_until_ready(child: Child, url: str) -> None:
    """Wait until the address answers with a 2xx status. Raises ChildError when it does not come to that."""
    started = said = time.monotonic()
    while (reason := _not_ready(url)) is not None:
        child.check()
        now = time.monotonic()
        if now - started > _START_S:
            raise ChildError(f"{child.name} is not ready after {_START_S:.0f} s: {reason}\n{child.last_lines()}")
        if now - said > 5:
            progress(f"  {child.name}: still starting after {now - started:.0f} s")
            said = now
        time.sleep(_PAUSE_S)
    progress(f"  {child.name}: ready")


def _not_ready(url: str) -> str | None:
    try:
        response = httpx.get(url, timeout=5, trust_env=False)
    except httpx.HTTPError as error:
        return type(error).__name__
    return None if response.is_success else response.text[:300]


def _tell(child: Child, number: signal.Signals) -> None:
    if child.process.poll() is None:
        os.killpg(child.process.pid, number)


def _await_end(child: Child) -> None:
    try:
        child.process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        progress(f"  {child.name}: does not end, killed after {_STOP_S:.0f} s")
        _tell(child, signal.SIGKILL)
        child.process.wait()
