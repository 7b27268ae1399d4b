"""`spanmeter dashboard`: the cost explorer, in the place of this process."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from spanmeter_collector.extra import MissingExtraError, require
from spanmeter_collector.sidecar import default_url

PORT: Final = 8501


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to listen, and which sidecar to read."""
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=PORT, help=f"port to listen on ({PORT})")
    parser.add_argument("--url", default=default_url(os.environ), help="the sidecar's address (%(default)s)")
    parser.add_argument(
        "--note", default="", help="a sentence that stands on every page, such as whose figures these are"
    )


def run(arguments: argparse.Namespace) -> int:
    """Become the dashboard's process, so that signals and the exit status are its own.

    Raises:
        MissingExtraError: The extra `dashboard` is not installed.
    """
    command = dashboard_command(address=arguments.address, port=arguments.port, url=arguments.url, note=arguments.note)
    os.execv(command[0], command)  # noqa: S606  # our own interpreter, no shell


def dashboard_command(*, address: str, port: int, url: str, note: str = "") -> list[str]:
    """The command line that starts the dashboard, without importing it.

    Raises:
        MissingExtraError: The extra `dashboard` is not installed.
    """
    require("dashboard", "streamlit", "altair", "httpx")
    package = find_spec("spanmeter_dashboard")
    if package is None or package.origin is None:
        raise MissingExtraError("spanmeter_dashboard is not installed; run: pip install 'spanmeter[dashboard]'")
    app = Path(package.origin).with_name("app.py")
    options = {
        "--server.address": address,
        "--server.port": str(port),
        "--server.headless": "true",
        "--browser.gatherUsageStats": "false",
    }
    words = [word for option in options.items() for word in option]
    return [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(app),
        *words,
        "--",
        "--url",
        url,
        *(["--note", note] if note else []),
    ]
