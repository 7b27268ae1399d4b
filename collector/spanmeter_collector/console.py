"""What the command line says: answers on standard output, everything else on standard error."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO


class OutputError(Exception):
    """An answer cannot be written; the message says where and why."""


def say(text: str) -> None:
    """Write an answer at once; what the terminal's encoding lacks becomes a question mark.

    Raises:
        OutputError: Standard output is closed or cannot be written.
        BrokenPipeError: Whoever reads it has gone.
    """
    with _written() as stream:
        _write(stream, text)


def complain(text: str) -> None:
    """Write why something was not done, where there is somewhere to."""
    if sys.stderr is not None:
        _write(sys.stderr, text)


def tell_waiting(text: str) -> None:
    """Tell whoever waits at a terminal what is being done; nothing where standard error is none."""
    if sys.stderr is not None and waits_at_a_terminal():
        _write(sys.stderr, text)


def tell_progress(text: str) -> None:
    """The same in place of what was told last; an empty text leaves the line empty."""
    if sys.stderr is not None and waits_at_a_terminal():
        _write(sys.stderr, f"\r\x1b[K{text}", end="")


def waits_at_a_terminal() -> bool:
    """Whether somebody at a terminal sees what is told besides the answer."""
    return sys.stderr is not None and sys.stderr.isatty()


def terminal_width() -> int:
    """How many characters a line of the terminal holds; 0 where standard output is none: a pipe or file takes any."""
    return shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else 0


@contextmanager
def binary_output() -> Iterator[BinaryIO]:
    """Standard output for bytes; errors as for `say`."""
    with _written() as stream:
        yield stream.buffer
        stream.flush()


def flush() -> None:
    """Write what is buffered; errors as for `say`, but a closed standard output is none."""
    if sys.stdout is not None:
        with _written() as stream:
            stream.flush()


def drop_output() -> None:
    """Let what is still buffered go nowhere when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _written() -> Iterator[TextIO]:
    if sys.stdout is None:  # closed by the shell, as in `spanmeter cost >&-`
        raise OutputError("standard output is closed")
    try:
        yield sys.stdout
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_output()
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error


def _write(stream: TextIO, text: str, *, end: str = "\n") -> None:
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + end)
    stream.flush()
