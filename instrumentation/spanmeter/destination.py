"""Where OTLP goes and how, as the standard `OTEL_EXPORTER_OTLP_*` variables tell."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

import requests
from opentelemetry.util.re import parse_env_headers

DEFAULT_ENDPOINT: Final = "http://127.0.0.1:4318"
DEFAULT_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where one signal goes and how.

    https://opentelemetry.io/docs/specs/otel/protocol/exporter/
    """

    url: str
    headers: Mapping[str, str]
    compression: str
    timeout_s: float
    certificate: str | bool
    client_certificate: str | tuple[str, str] | None

    @classmethod
    def of(cls, signal: str, endpoint: str | None) -> Self:
        """Return the destination of `traces` or `metrics`; a given endpoint wins over the variables'.

        Raises:
            ValueError: a variable is malformed; the message names it, its value and what is allowed.
        """
        key, certificate = _file(signal, "CLIENT_KEY"), _file(signal, "CLIENT_CERTIFICATE")
        return cls(
            url=_url(signal, endpoint),
            headers=_headers(signal),
            compression=_compression(signal),
            timeout_s=_timeout_s(signal),
            certificate=_file(signal, "CERTIFICATE") or True,
            client_certificate=(certificate, key) if certificate and key else certificate or None,
        )


def _told(signal: str, name: str) -> str:
    general = os.environ.get(f"OTEL_EXPORTER_OTLP_{name}", "")
    return os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}") or general


def _url(signal: str, endpoint: str | None) -> str:
    exact = f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"
    if endpoint is None and (told := os.environ.get(exact, "").strip()):
        return address(exact, told)
    general = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip() or DEFAULT_ENDPOINT
    root = address("endpoint", endpoint) if endpoint else address("OTEL_EXPORTER_OTLP_ENDPOINT", general)
    return f"{root.rstrip('/')}/v1/{signal}"


def address(name: str, told: str) -> str:
    """Return an address that was told under a name.

    Raises:
        ValueError: it is none of HTTP.
    """
    try:
        requests.Request("POST", told).prepare()
        known = urlsplit(told).scheme.lower() in {"http", "https"}
    except requests.RequestException:
        known = False
    if not known:
        raise ValueError(f"{name}={told!r}: expected http:// or https://, a host and, if need be, a port")
    return told


def on_this_machine(url: str) -> bool:
    """Tell whether a proxy could not even reach this address; none is to see what goes to it."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _headers(signal: str) -> Mapping[str, str]:
    headers = parse_env_headers(_told(signal, "HEADERS"), liberal=True)
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):  # the value may be a secret
            raise ValueError(f"OTEL_EXPORTER_OTLP_HEADERS: the value of {name!r} has to be printable ASCII")
    return headers


def _file(signal: str, name: str) -> str:
    told = _told(signal, name)
    if told and not Path(told).exists():
        raise ValueError(f"OTEL_EXPORTER_OTLP_{name}={told!r}: expected a file that exists")
    return told


def _compression(signal: str) -> str:
    told = _told(signal, "COMPRESSION").strip().lower() or "none"
    if told not in {"none", "gzip", "deflate"}:
        raise ValueError(f"OTEL_EXPORTER_OTLP_COMPRESSION={told!r}: expected none, gzip or deflate")
    return told


def _timeout_s(signal: str) -> float:
    told = _told(signal, "TIMEOUT").strip()
    try:
        seconds = float(told or DEFAULT_TIMEOUT_S)
    except ValueError:
        seconds = 0.0
    if not isfinite(seconds) or seconds <= 0:
        raise ValueError(f"OTEL_EXPORTER_OTLP_TIMEOUT={told!r}: expected a number of seconds over 0")
    return seconds
