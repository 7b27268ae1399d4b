"""The output of a command: a file that is whole or not there, or standard output."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from spanmeter_collector.console import OutputError, binary_output

_STANDARD_OUTPUT: Final = "-"


@contextmanager
def opened_output(name: str, *, named: str = "") -> Iterator[BinaryIO]:
    """A file to write that is there only when it is complete, or standard output for `-`.

    Raises:
        OutputError: It cannot be written; the message names it, after `named`.
    """
    if name == _STANDARD_OUTPUT:
        with binary_output() as output:
            yield output
        return
    try:
        with _whole_file(Path(name)) as output:
            yield output
    except OSError as error:
        raise OutputError(f"{named}{name} cannot be written: {error.strerror}") from error


@contextmanager
def _whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that is there only when it is complete; a pipe or a device is written as it is."""
    if path.exists() and not path.is_file():
        with path.open("wb") as output:
            yield output
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("xb") as output:
            yield output
            output.flush()
            os.fsync(output.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
