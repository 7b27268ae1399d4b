"""`spanmeter restore`: a backup becomes the data directory of a sidecar."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from spanmeter_collector.collector_command import MODULES
from spanmeter_collector.console import OutputError, say
from spanmeter_collector.extra import require
from spanmeter_collector.settings import Settings
from spanmeter_collector.wording import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where from; where to is SPANMETER_DATA_DIR."""
    parser.add_argument("file", metavar="FILE", help="what `spanmeter backup` wrote; - for standard input")
    parser.epilog = "The backup goes into SPANMETER_DATA_DIR, which has to be empty; then start the sidecar."


def run(arguments: argparse.Namespace) -> int:
    """Restore a backup.

    Raises:
        MissingExtraError: The extra `collector` is not installed.
        OutputError: The file cannot be read, is no backup or not whole.
        SettingError: The data directory is not empty or cannot be written.
    """
    require("collector", *MODULES)
    from spanmeter_collector.archive import ArchiveError  # noqa: PLC0415  # after the check for the extra
    from spanmeter_collector.memory import prepare_memory  # noqa: PLC0415
    from spanmeter_collector.restore import restore  # noqa: PLC0415

    prepare_memory()
    settings = Settings.from_environment(os.environ)
    try:
        with _source(arguments.file) as source:
            header = restore(source, settings)
    except ArchiveError as error:
        raise OutputError(f"{arguments.file}: {error}") from error
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{arguments.file} cannot be restored into {settings.data_dir}: {reason}") from error
    spans, charges = (header.rows.get(table, 0) for table in ("spans", "charges"))
    held = f"{counted(spans, 'span')} and {counted(charges, 'charge')}"
    say(f"Restored the backup of {header.taken_at} into {settings.data_dir}: {held}. Now start the sidecar.")
    return 0


@contextmanager
def _source(name: str) -> Iterator[IO[bytes]]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        source = open(name, "rb")  # noqa: PTH123, SIM115  # a pipe as well; closed below
    except OSError as error:
        raise OutputError(f"{name} cannot be read: {error.strerror}; name what `spanmeter backup` wrote") from error
    with source:
        yield source
