"""What the command line says, at a terminal and elsewhere."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

SAY = (
    "from spanmeter_collector.console import say, tell_waiting, terminal_width; "
    "tell_waiting('wait'); say(str(terminal_width()))"
)


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}


def test_a_terminal_has_a_width_and_somebody_who_waits() -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 57, 0, 0))
    subprocess.run([sys.executable, "-c", SAY], env=environment(), stdout=theirs, stderr=theirs, check=True)
    told = os.read(ours, 1000).decode().split()
    os.close(ours)
    os.close(theirs)
    assert told == ["wait", "57"]


def test_a_pipe_takes_lines_of_any_length_and_nobody_waits_at_it() -> None:
    told = subprocess.run([sys.executable, "-c", SAY], env=environment(), capture_output=True, text=True, check=True)
    assert (told.stdout, told.stderr) == ("0\n", "")
