"""The settings: everything an operator can set, read from SPANMETER_* variables once, at the start."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from spanmeter_collector import setting
from spanmeter_collector.bearer import NO_TOKENS, Tokens
from spanmeter_collector.retention import Retention
from spanmeter_collector.setting import Address, SettingError
from spanmeter_collector.tls_files import TlsFiles

_PREFIX: Final = "SPANMETER_"
_ALIKE: Final = 0.8
_THE_APPLICATIONS: Final = frozenset(
    {"SPANMETER_CONTENT_LIMIT", "SPANMETER_HASH_KEY", "SPANMETER_SPOOL_DIR", "SPANMETER_SPOOL_MB"}
)
"""What `spanmeter.instrument` reads: application and sidecar may share an environment."""


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Where all that is received goes on to, with which headers, and how many bytes may wait for it."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    queue_bytes: int = 64 * 2**20

    @property
    def shown_url(self) -> str:
        """The address without user, password and query."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the sidecar was told. Without tokens none is asked for; `secrets` may stand in no log."""

    listen: Address = setting.HTTP
    grpc_listen: Address = setting.GRPC
    data_dir: Path
    store: str
    ingest_tokens: Tokens = NO_TOKENS
    query_tokens: Tokens = NO_TOKENS
    tls: TlsFiles | None = None
    prices: Path | None = None
    retention_days: int | None = None
    charge_retention_days: int | None = None
    retention_gb: int | None = None
    log_mb: int = 1024
    loss_settle: str = "2m"
    content: bool = False
    redact: Path | None = None
    budgets: Path | None = None
    redact_key: str = field(default="", repr=False)
    forward: Forwarding | None = None
    secrets: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

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
                shown = "…" if _may_be_secret(name) else value
                raise SettingError(name, shown, f"there is no such variable; known are {', '.join(sorted(_VARIABLES))}")
        readers = {name: read for name, read in _VARIABLES.items() if name in given}
        chosen: dict[str, Any] = {
            name.removeprefix(_PREFIX).lower(): read(name, given[name]) for name, read in readers.items()
        }
        data_dir = chosen.setdefault("data_dir", _default_data_dir(environ))
        chosen.setdefault("store", f"chdb://{data_dir}/store")
        _check_retention(chosen)
        chosen["secrets"] = _secrets(chosen)
        may_be_open = chosen.pop("open_without_tokens", False)
        for door in ("ingest", "query"):
            chosen[f"{door}_tokens"] = Tokens.of(_words(chosen, door))
        chosen |= {"tls": _tls(chosen), "forward": _forward(chosen)}
        settings = cls(**chosen)
        if not may_be_open:
            _refuse_to_be_open(settings)
        return settings


def _may_be_secret(name: str) -> bool:
    """Whether a variable has a name of a secret, or nearly so: what is misspelled may be one."""
    known = [variable.removeprefix(_PREFIX) for variable in _VARIABLES]
    alike = get_close_matches(name.removeprefix(_PREFIX), known, n=len(known), cutoff=_ALIKE)
    return any(_SECRET.search(word) for word in (name, *alike))


def _words(chosen: dict[str, Any], door: str) -> list[str]:
    words, from_file = chosen.pop(f"{door}_token", []), chosen.pop(f"{door}_token_file", [])
    return [*words, *from_file]


def _secrets(chosen: Mapping[str, Any]) -> frozenset[str]:
    """What of the values nobody may read in a log."""
    words: list[str | None] = [chosen.get("redact_key"), urlsplit(str(chosen["store"])).password]
    for name in _LISTS_OF_SECRETS:
        words.extend(chosen.get(name, ()))
    words.extend(chosen.get("forward_headers", {}).values())
    words.append(urlsplit(str(chosen.get("forward", ""))).password)
    return frozenset(word for word in words if word)


def _tls(chosen: dict[str, Any]) -> TlsFiles | None:
    files = {name: chosen.pop(f"tls_{name}", None) for name in ("cert", "key", "client_ca")}
    if files["cert"] and files["key"]:
        return TlsFiles(*files.values())
    for name, path in files.items():
        if path:
            reason = "TLS needs both SPANMETER_TLS_CERT and SPANMETER_TLS_KEY"
            raise SettingError(f"SPANMETER_TLS_{name.upper()}", str(path), reason)
    return None


def _forward(chosen: dict[str, Any]) -> Forwarding | None:
    url, headers = str(chosen.pop("forward", "")), chosen.pop("forward_headers", {})
    megabytes = chosen.pop("forward_queue_mb", 64)
    if url:
        return Forwarding(url, headers, megabytes * 2**20)
    if headers:
        raise SettingError("SPANMETER_FORWARD_HEADERS", "…", "there is no SPANMETER_FORWARD to send them to")
    return None


def _refuse_to_be_open(settings: Settings) -> None:
    """An address that others reach needs tokens or client certificates."""
    if settings.tls and settings.tls.client_ca:
        return
    ingest, query = ("SPANMETER_INGEST_TOKEN", settings.ingest_tokens), ("SPANMETER_QUERY_TOKEN", settings.query_tokens)
    doors = (
        ("SPANMETER_LISTEN", settings.listen, (ingest, query)),
        ("SPANMETER_GRPC_LISTEN", settings.grpc_listen, (ingest,)),
    )
    for variable, address, asked_for in doors:
        missing = [name for name, tokens in asked_for if not tokens]
        if missing and not address.is_loopback:
            reason = (
                f"others may reach this address and no token is asked for; set {' and '.join(missing)}, "
                "or listen on 127.0.0.1, or, where nobody else reaches it, set SPANMETER_OPEN_WITHOUT_TOKENS=yes"
            )
            raise SettingError(variable, str(address), reason)


def _check_retention(chosen: Mapping[str, Any]) -> None:
    """The ledger may not go before the spans: what was charged would be charged again."""
    charges, spans = chosen.get("charge_retention_days"), chosen.get("retention_days")
    if charges is not None and (spans is None or charges < spans):
        allowed = f"expected no less than SPANMETER_RETENTION_DAYS, which is {'not set' if spans is None else spans}"
        raise SettingError("SPANMETER_CHARGE_RETENTION_DAYS", str(charges), allowed)


def _default_data_dir(environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("HOME") or Path.home())
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share", "spanmeter").absolute()


_SECRET: Final = re.compile("TOKEN|KEY|HEADER|PASSWORD|SECRET|STORE|FORWARD")
_LISTS_OF_SECRETS: Final = ("ingest_token", "ingest_token_file", "query_token", "query_token_file")
_VARIABLES: Final[Mapping[str, Callable[[str, str], object]]] = {
    "SPANMETER_BUDGETS": setting.text_file,
    "SPANMETER_CHARGE_RETENTION_DAYS": setting.number,
    "SPANMETER_CONTENT": setting.switch,
    "SPANMETER_DATA_DIR": setting.directory,
    "SPANMETER_FORWARD": setting.endpoint,
    "SPANMETER_FORWARD_HEADERS": setting.headers,
    "SPANMETER_FORWARD_QUEUE_MB": setting.megabytes,
    "SPANMETER_GRPC_LISTEN": setting.address,
    "SPANMETER_INGEST_TOKEN": setting.tokens,
    "SPANMETER_INGEST_TOKEN_FILE": setting.token_file,
    "SPANMETER_LISTEN": setting.address,
    "SPANMETER_LOG_MB": setting.megabytes,
    "SPANMETER_LOSS_SETTLE": setting.settling_time,
    "SPANMETER_OPEN_WITHOUT_TOKENS": setting.switch,
    "SPANMETER_PRICES": setting.file,
    "SPANMETER_QUERY_TOKEN": setting.tokens,
    "SPANMETER_QUERY_TOKEN_FILE": setting.token_file,
    "SPANMETER_REDACT": setting.text_file,
    "SPANMETER_REDACT_KEY": setting.secret,
    "SPANMETER_RETENTION_DAYS": setting.number,
    "SPANMETER_RETENTION_GB": setting.number,
    "SPANMETER_STORE": setting.store,
    "SPANMETER_TLS_CERT": setting.text_file,
    "SPANMETER_TLS_CLIENT_CA": setting.text_file,
    "SPANMETER_TLS_KEY": setting.text_file,
}
