"""`spanmeter collector`: the sidecar."""

from __future__ import annotations

import argparse
import os
from typing import Final

from spanmeter_collector.console import complain
from spanmeter_collector.extra import require

MODULES: Final = ("chdb", "clickhouse_connect", "fastapi", "grpc", "uvicorn")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sidecar takes its settings from SPANMETER_* variables only."""
    parser.epilog = (
        "Settings: the variables SPANMETER_LISTEN, _GRPC_LISTEN, _DATA_DIR, _STORE and the others in README."
    )


def run(_: argparse.Namespace) -> int:
    """Serve until the process is told to stop; 2 when the price file cannot be used.

    Raises:
        MissingExtraError: The extra `collector` is not installed.
    """
    require("collector", *MODULES)
    from spanmeter.pricing.price_file_error import PriceFileError  # noqa: PLC0415
    from spanmeter_collector.server import serve  # noqa: PLC0415  # after the check for the extra
    from spanmeter_collector.settings import Settings  # noqa: PLC0415

    try:
        return serve(Settings.from_environment(os.environ))
    except PriceFileError as error:
        complain(str(error))
        return 2
