"""A setting: how the text of one variable is read; every reader raises SettingError where the text means nothing."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from spanmeter_collector.layout import CLUSTER_NAME
from spanmeter_collector.times import read_length

_HEADER: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_SHORTEST_KEY: Final = 16
_MOST: Final = 100_000
_MOST_DIGITS: Final = 9


class SettingError(ValueError):
    """The sidecar cannot start with this value; the message names variable, value, and what is allowed or wrong."""

    def __init__(self, variable: str, value: str, reason: str) -> None:
        super().__init__(f"{variable}={value!r}: {reason}")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether nobody outside this machine reaches it; of names only localhost is known to be so."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


HTTP: Final = Address("127.0.0.1", 4318)
GRPC: Final = Address("127.0.0.1", 4317)


def address(variable: str, value: str) -> Address:
    """host:port."""
    allowed = "expected host:port with a port from 0 to 65535, such as 127.0.0.1:4318"
    host, colon, port = value.rpartition(":")
    if not (colon and _is_host(host) and _is_whole(port, least=0, most=65535)):
        raise SettingError(variable, value, allowed)
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise SettingError(variable, value, "an IPv6 address stands in brackets, such as [::1]:4318")
    return Address(host.strip("[]"), int(port))


def directory(variable: str, value: str) -> Path:
    """A directory that is there or may be made."""
    path = _path(variable, value)
    try:
        is_file = path.exists() and not path.is_dir()
    except OSError as error:
        raise SettingError(variable, value, f"the directory cannot be looked at: {error.strerror}") from error
    if is_file:
        raise SettingError(variable, value, "expected a directory, and this is a file")
    return path


def file(variable: str, value: str) -> Path:
    """A price file that is there."""
    path = _path(variable, value)
    try:
        is_file = path.is_file()
    except OSError as error:
        raise SettingError(variable, value, f"the file cannot be looked at: {error.strerror}") from error
    if not is_file:
        raise SettingError(variable, value, "expected a file, such as deploy/prices.example.toml, and there is none")
    return path


def store(variable: str, value: str) -> str:
    """The address of a store."""
    try:
        is_store = _is_store(value)
    except ValueError:  # a port above 65535, half an IPv6 address
        is_store = False
    if not is_store:
        allowed = "expected chdb:///absolute/directory or clickhouse://user:password@host:port/database[?cluster=name]"
        raise SettingError(variable, "…" if "@" in value else value, allowed)
    return value


def _is_store(value: str) -> bool:
    parts = urlsplit(value)
    if parts.scheme == "chdb":
        return not parts.netloc and len(parts.path) > 1
    clusters = parse_qs(parts.query, keep_blank_values=True).get("cluster", [])
    has_place = _is_host(parts.hostname) and parts.port != 0
    return parts.scheme == "clickhouse" and has_place and all(map(CLUSTER_NAME.fullmatch, clusters))


def tokens(variable: str, value: str) -> list[str]:
    """One token, or several with commas between."""
    words = value.split(",")
    if not all(word and word.isascii() and word.isprintable() and " " not in word for word in words):
        raise SettingError(variable, "…", "expected printable ASCII characters without spaces, a comma between tokens")
    return words


def token_file(variable: str, value: str) -> list[str]:
    """Tokens, one on each line of a file."""
    words = readable(variable, value).split()
    if not words:
        raise SettingError(variable, value, "expected a token on a line of this file, and it is empty")
    if not all(word.isascii() and word.isprintable() for word in words):
        raise SettingError(variable, value, "expected lines of printable ASCII characters in this file")
    return words


def readable(variable: str, value: str) -> str:
    """The text of a file that is there."""
    try:
        return _path(variable, value).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingError(variable, value, f"the file cannot be read: {told}") from error


def text_file(variable: str, value: str) -> Path:
    """A file with text that can be read."""
    readable(variable, value)
    return _path(variable, value)


def secret(variable: str, value: str) -> str:
    """A key that cannot be guessed."""
    if len(value) < _SHORTEST_KEY:
        raise SettingError(variable, "…", f"expected at least {_SHORTEST_KEY} characters")
    return value


def switch(variable: str, value: str) -> bool:
    """On or off."""
    words = {"on": True, "yes": True, "true": True, "1": True, "off": False, "no": False, "false": False, "0": False}
    if value.lower() not in words:
        raise SettingError(variable, value, "expected on or off")
    return words[value.lower()]


def endpoint(variable: str, value: str) -> str:
    """The base address of an OTLP endpoint, over HTTP or gRPC."""
    allowed = (
        "expected the base of an OTLP endpoint: http://tempo:4318 or https://…, to which /v1/traces is added, "
        "or grpc://tempo:4317 or grpcs://… without a path"
    )
    try:
        parts = urlsplit(value)
        by_grpc = parts.scheme in {"grpc", "grpcs"} and parts.path in {"", "/"}
        is_base = (by_grpc or parts.scheme in {"http", "https"}) and _is_host(parts.hostname) and parts.port != 0
    except ValueError:  # a port above 65535, half an IPv6 address
        is_base = False
    if not is_base or parts.query or parts.fragment or parts.path.endswith(("/v1/traces", "/v1/metrics")):
        shown = value if "@" not in value and "?" not in value else "…"
        raise SettingError(variable, shown, allowed)
    return value.rstrip("/")


def headers(variable: str, value: str) -> dict[str, str]:
    """As OTEL_EXPORTER_OTLP_HEADERS: name=value, commas between, values percent-encoded."""
    pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
    headers = {name.strip().lower(): unquote(said.strip()) for name, _, said in pairs}
    for name, said in headers.items():
        if not (_HEADER.fullmatch(name) and said and said.isascii() and said.isprintable()):
            raise SettingError(variable, "…", "expected name=value pairs with commas between, such as x-api-key=…")
    return headers


def megabytes(variable: str, value: str) -> int:
    """A size in megabytes."""
    if not _is_whole(value, least=1, most=65536):
        raise SettingError(variable, value, "expected a whole number of megabytes from 1 to 65536")
    return int(value)


def settling_time(variable: str, value: str) -> str:
    """A length of time up to a day, as text."""
    try:
        is_short = read_length(value) <= timedelta(days=1)
    except (ValueError, OverflowError):
        is_short = False
    if not is_short:
        raise SettingError(variable, value, "expected a length up to 24h, such as 30s or 2m")
    return value


def number(variable: str, value: str) -> int:
    """How much of something may be kept."""
    if not _is_whole(value, least=1, most=_MOST):
        raise SettingError(variable, value, f"expected a whole number from 1 to {_MOST}; unset it for no limit")
    return int(value)


def _is_host(name: str | None) -> bool:
    """Whether a name can be looked up: what lies between its dots is neither empty nor too long."""
    try:
        return bool(name and name.encode("idna"))
    except UnicodeError:
        return False


def _is_whole(value: str, *, least: int, most: int) -> bool:
    return value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS and least <= int(value) <= most


def _path(variable: str, value: str) -> Path:
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError as error:
        raise SettingError(variable, value, "nobody knows where this ~ is; expected a path without it") from error
