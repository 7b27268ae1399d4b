"""`spanmeter backup`: everything that is stored, as one file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Final

from spanmeter_collector import sidecar
from spanmeter_collector.collector_command import MODULES
from spanmeter_collector.console import OutputError, complain
from spanmeter_collector.extra import require
from spanmeter_collector.output import opened_output
from spanmeter_collector.setting import SettingError
from spanmeter_collector.settings import Settings
from spanmeter_collector.sidecar import AbsentError, SidecarError

TIMEOUT_S: Final = 3600.0
_PIECE_BYTES: Final = 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, which sidecar."""
    parser.add_argument("file", metavar="FILE", help="a file that is not there yet; - for standard output")
    parser.add_argument(
        "--url", default="", help="the sidecar's address; without it and without a sidecar, the data directory is read"
    )
    parser.epilog = "While the sidecar runs, it is asked and goes on. `spanmeter restore` reads the file."


def run(arguments: argparse.Namespace) -> int:
    """Write a backup.

    Raises:
        OutputError: The file is there already or cannot be written.
        SettingError: No sidecar runs, and the data directory is not there or in use.
        SidecarError: The sidecar refused, or its answer broke off.
    """
    if arguments.file != "-" and Path(arguments.file).is_file():
        raise OutputError(f"{arguments.file} is there already; name another file")
    with opened_output(arguments.file) as output, _pieces(arguments.url) as pieces:
        size = sum(output.write(piece) for piece in pieces)
    complain(f"{size / 1e6:,.1f} MB written")
    return 0


@contextmanager
def _pieces(url: str) -> Iterator[Iterator[bytes]]:
    """The archive, of the sidecar or, where none was named and none runs, of the data directory."""
    asked = url or sidecar.default_url(os.environ)
    try:
        with sidecar.opened(asked, "/api/v1/backup", method="POST", timeout_s=TIMEOUT_S) as answer:
            yield _received(answer)
    except AbsentError:
        if url:
            raise
        settings = Settings.from_environment(os.environ)
        complain(f"no sidecar answers at {asked}; reading {settings.data_dir}")
        yield _read(settings)


def _received(answer: HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := answer.read(_PIECE_BYTES):
            yield piece
    except (HTTPException, OSError) as error:
        raise SidecarError("the sidecar's answer broke off; its log says why") from error


def _read(settings: Settings) -> Iterator[bytes]:
    require("collector", *MODULES)
    from spanmeter_collector.backup import archived  # noqa: PLC0415  # after the check for the extra
    from spanmeter_collector.server import open_log, open_store  # noqa: PLC0415
    from spanmeter_collector.snapshot import Snapshots  # noqa: PLC0415

    if not (settings.data_dir / "log").is_dir():
        raise SettingError("SPANMETER_DATA_DIR", str(settings.data_dir), "there is nothing to back up")
    with closing(open_log(settings)) as log, closing(open_store(settings)) as store:
        yield from archived(Snapshots(store, log, settings.data_dir / "backup"))
