"""Where the sidecar answers, from the command line and the environment."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

DEFAULT_LISTEN = "127.0.0.1:4318"
_EVERY_INTERFACE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - recognised, never listened on


class SettingsError(ValueError):
    """A value the dashboard cannot start with; the message names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The sidecar's address without a trailing slash, the bearer token for its API and a note for every page.

    Token and note are "" for none.
    """

    url: str
    token: str = field(default="", repr=False)
    note: str = field(default="", repr=False)


def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read `--url`, else SPANMETER_LISTEN, else the default address; the token is the first of SPANMETER_QUERY_TOKEN.

    Raises:
        SettingsError: an unknown argument or a malformed address.
    """
    parser = argparse.ArgumentParser(prog="app.py", exit_on_error=False, add_help=False)
    parser.add_argument("--url")
    parser.add_argument("--note", default="")
    try:
        known, unknown = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise SettingsError(f"{error}; give it as --url http://{DEFAULT_LISTEN}") from error
    if unknown:
        raise SettingsError(f"The dashboard does not know {unknown[0]!r}; allowed is --url http://HOST:PORT.")
    url = _checked(known.url, "--url") if known.url else _from_listen(environment)
    return Settings(url, environment.get("SPANMETER_QUERY_TOKEN", "").partition(",")[0], known.note)


def _from_listen(environment: Mapping[str, str]) -> str:
    scheme = "https" if environment.get("SPANMETER_TLS_CERT") else "http"
    address = _checked(f"http://{environment.get('SPANMETER_LISTEN') or DEFAULT_LISTEN}", "SPANMETER_LISTEN")
    host, _, port = address.removeprefix("http://").rpartition(":")
    bare = host.strip("[]")
    reachable = _EVERY_INTERFACE.get(bare, bare)
    return f"{scheme}://[{reachable}]:{port}" if ":" in reachable else f"{scheme}://{reachable}:{port}"


def _checked(url: str, name: str) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.netloc) and (name == "--url" or parts.port is not None)
    except ValueError:
        valid = False
    if not valid:
        allowed = "http://HOST:PORT" if name == "--url" else "HOST:PORT"
        raise SettingsError(f"{name} is {url.removeprefix('http://')!r}; it must be {allowed}.")
    return url.rstrip("/")
