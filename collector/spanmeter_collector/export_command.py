"""`spanmeter export`: the ledger as a file."""

from __future__ import annotations

import argparse
import sys
from http.client import HTTPException, HTTPResponse
from typing import BinaryIO, Final

from spanmeter_collector import sidecar
from spanmeter_collector.console import OutputError, complain
from spanmeter_collector.output import opened_output
from spanmeter_collector.wording import counted

FORMATS: Final = ("csv", "focus", "parquet")
TIMEOUT_S: Final = 3600.0
_PIECE_BYTES: Final = 2**18
_STANDARD_OUTPUT: Final = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """In which format, which period, where to, which sidecar."""
    parser.add_argument("--format", required=True, choices=FORMATS, help="csv and parquet hold every entry, focus sums")
    parser.add_argument(
        "--output", default=_STANDARD_OUTPUT, metavar="FILE", help="a file; standard output unless given"
    )
    sidecar.add_selection(parser, since="30d")
    sidecar.add_address(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the ledger.

    Raises:
        OutputError: The file or standard output cannot be written; a file that was there is as it was.
        SidecarError: The sidecar was not reached, refused, or its answer broke off.
    """
    if arguments.output == _STANDARD_OUTPUT and arguments.format == "parquet" and sys.stdout and sys.stdout.isatty():
        raise OutputError("Parquet is not for the terminal; give --output FILE")
    query = [("format", arguments.format), *sidecar.selection(arguments)]
    with (
        sidecar.opened(arguments.url, "/api/v1/export", query, timeout_s=TIMEOUT_S) as answer,
        opened_output(arguments.output, named="--output ") as output,
    ):
        _copy(answer, output)
    if left_out := int(answer.headers.get("x-spanmeter-unpriced-calls", "0")):
        complain(f"{counted(left_out, 'call')} without a known price left out; --format csv has them")
    return 0


def _copy(answer: HTTPResponse, output: BinaryIO) -> None:
    while piece := _piece(answer):
        output.write(piece)


def _piece(answer: HTTPResponse) -> bytes:
    try:
        return answer.read(_PIECE_BYTES)
    except (HTTPException, OSError) as error:
        raise sidecar.SidecarError("the sidecar's answer broke off; its log says why") from error
