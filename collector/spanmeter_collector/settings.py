"""The settings: everything an operator can set, read from SPANMETER_* variables once, at the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from spanmeter_collector.retention import Retention

_MOST: Final = 100_000
_PREFIX: Final = "SPANMETER_"
_THE_APPLICATIONS: Final = frozenset({"SPANMETER_SPOOL_DIR", "SPANMETER_SPOOL_MB"})
"""What `spanmeter.instrument` reads: application and sidecar may share an environment."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the sidecar was told. An empty token means that none is asked for."""

    listen: Address = Address("127.0.0.1", 4318)
    grpc_listen: Address = Address("127.0.0.1", 4317)
    data_dir: Path
    store: str
    ingest_token: str = ""
    query_token: str = ""
    prices: Path | None = None
    retention_days: int | None = None
    charge_retention_days: int | None = None
    retention_gb: int | None = None

    @property
    def retention(self) -> Retention:
        """What the store keeps."""
        gigabytes = self.retention_gb
        return Retention(
            span_days=self.retention_days,
            charge_days=self.charge_retention_days,
            most_bytes=None if gigabytes is None else gigabytes * 10**9,
        )

    @property
    def shown_store(self) -> str:
        """The store's address without its password."""
        parts = urlsplit(self.store)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings.

        Raises:
            SettingError: a SPANMETER_* variable is unknown, has a malformed value, or is not supported yet.
        """
        given = {name: value for name, value in environ.items() if name.startswith(_PREFIX) and value}
        given = {name: value for name, value in given.items() if name not in _THE_APPLICATIONS}
        for name, value in given.items():
            if name not in _VARIABLES:
                raise SettingError(name, value, f"there is no such variable; known are {', '.join(sorted(_VARIABLES))}")
        values = {name: read(name, given[name]) for name, read in _VARIABLES.items() if name in given}
        chosen = {name.removeprefix(_PREFIX).lower(): value for name, value in values.items()}
        data_dir = chosen.setdefault("data_dir", _default_data_dir(environ))
        chosen.setdefault("store", f"chdb://{data_dir}/store")
        _check_retention(values)
        return cls(**chosen)  # type: ignore[arg-type]


def _default_data_dir(environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("HOME") or Path.home())
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share", "spanmeter").absolute()


def _address(variable: str, value: str) -> Address:
    allowed = "expected host:port with a port from 0 to 65535, such as 127.0.0.1:4318"
    host, colon, port = value.rpartition(":")
    if not (colon and host and port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise SettingError(variable, value, allowed)
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise SettingError(variable, value, "an IPv6 address stands in brackets, such as [::1]:4318")
    return Address(host.strip("[]"), int(port))


def _directory(variable: str, value: str) -> Path:
    path = Path(value).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise SettingError(variable, value, "expected a directory, and this is a file")
    return path


def _file(variable: str, value: str) -> Path:
    path = Path(value).expanduser().absolute()
    if not path.is_file():
        raise SettingError(variable, value, "expected a file, such as deploy/prices.example.toml, and there is none")
    return path


def _store(variable: str, value: str) -> str:
    parts = urlsplit(value)
    embedded = parts.scheme == "chdb" and not parts.netloc and len(parts.path) > 1
    server = parts.scheme == "clickhouse" and bool(parts.hostname)
    if not (embedded or server):
        allowed = "expected chdb:///absolute/directory or clickhouse://user:password@host:port/database"
        raise SettingError(variable, value, allowed)
    return value


def _token(variable: str, value: str) -> str:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise SettingError(variable, "…", "expected printable ASCII characters without spaces")
    return value


def _number(variable: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal() and 0 < int(value) <= _MOST):
        raise SettingError(variable, value, f"expected a whole number from 1 to {_MOST}; unset it for no limit")
    return int(value)


def _check_retention(values: Mapping[str, object]) -> None:
    """The ledger may not go before the spans: what was charged would be charged again."""
    charges, spans = values.get("SPANMETER_CHARGE_RETENTION_DAYS"), values.get("SPANMETER_RETENTION_DAYS")
    if charges is not None and (spans is None or int(str(charges)) < int(str(spans))):
        allowed = "expected no less than SPANMETER_RETENTION_DAYS, which is " + (
            "not set" if spans is None else f"{spans}"
        )
        raise SettingError("SPANMETER_CHARGE_RETENTION_DAYS", str(charges), allowed)


def _not_yet(variable: str, value: str) -> str:
    raise SettingError(variable, value, "this version does not support the variable yet; unset it")


_VARIABLES: Final[Mapping[str, Callable[[str, str], object]]] = {
    "SPANMETER_CHARGE_RETENTION_DAYS": _number,
    "SPANMETER_DATA_DIR": _directory,
    "SPANMETER_FORWARD": _not_yet,
    "SPANMETER_GRPC_LISTEN": _address,
    "SPANMETER_INGEST_TOKEN": _token,
    "SPANMETER_LISTEN": _address,
    "SPANMETER_PRICES": _file,
    "SPANMETER_QUERY_TOKEN": _token,
    "SPANMETER_RETENTION_DAYS": _number,
    "SPANMETER_RETENTION_GB": _number,
    "SPANMETER_STORE": _store,
}
