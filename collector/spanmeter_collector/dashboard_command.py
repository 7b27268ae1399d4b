"""`spanmeter dashboard`: the cost explorer, in the place of this process."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from spanmeter_collector.extra import MissingExtraError, require
from spanmeter_collector.setting import SettingError
from spanmeter_collector.sidecar import add_address, check_address

PORT: Final = 8501
_LAST_PORT: Final = 65535
_NO_ADDRESS: Final = "this machine has no such address; name one of its own, or 0.0.0.0 for all of them"
_TAKEN: Final = "another program listens there; stop it, or name another port"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to listen, and which sidecar to read."""
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=port, default=PORT, metavar="PORT", help=f"port to listen on ({PORT})")
    add_address(parser)
    parser.add_argument(
        "--note", default="", help="a sentence that stands on every page, such as whose figures these are"
    )


def port(text: str) -> int:
    """The number of a port, for `argparse`."""
    if text.isascii() and text.isdecimal() and 0 < int(text) <= _LAST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port; allowed: a whole number from 1 to {_LAST_PORT}")


def run(arguments: argparse.Namespace) -> int:
    """Become the dashboard's process, so that signals and the exit status are its own.

    Raises:
        MissingExtraError: The extra `dashboard` is not installed.
        RefusedError: The sidecar's address is none.
        SettingError: The machine has no such address, or the port is taken.
    """
    check_address(arguments.url)
    check_free(arguments.address, arguments.port, option="--port")
    command = dashboard_command(address=arguments.address, port=arguments.port, url=arguments.url, note=arguments.note)
    os.execv(command[0], command)  # noqa: S606  # our own interpreter, no shell


def check_free(address: str, port: int, *, option: str) -> None:
    """Raise SettingError where the address is none, or another program listens at the port that an option names."""
    try:
        family, _, _, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise SettingError("--address", address, _NO_ADDRESS) from error
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise SettingError("--address", address, _NO_ADDRESS) from error
            if error.errno == errno.EADDRINUSE:
                raise SettingError(option, str(port), _TAKEN) from error


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
