"""The other endpoint that everything goes on to: its connection, and whether it is this sidecar itself."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from urllib3 import PoolManager, ProxyManager, Timeout, make_headers
from urllib3.response import BaseHTTPResponse

from spanmeter_collector.setting import Address, SettingError
from spanmeter_collector.settings import Forwarding

_TIMEOUT_S: Final = 10.0
_SHORTEST_TIMEOUT_S: Final = 0.1
_PORTS: Final = {"http": 80, "https": 443, "grpc": 4317, "grpcs": 4317}


class Destination:
    """Posts bodies to one HTTP endpoint, over a kept connection, through the proxy that the environment names.

    It trusts the authorities of the machine, or those that SSL_CERT_FILE names. Redirects are not followed: they would
    carry the headers elsewhere.
    """

    def __init__(self, forwarding: Forwarding) -> None:
        parts = urlsplit(forwarding.url)
        host = parts.netloc.rpartition("@")[2]
        self.shown = forwarding.shown_url
        self._url = parts._replace(netloc=host).geturl()
        self._headers = login(forwarding.url) | dict(forwarding.headers)
        proxy = None if proxy_bypass(host) else getproxies().get(parts.scheme)
        context = ssl.create_default_context()
        self._pool = ProxyManager(proxy, ssl_context=context) if proxy else PoolManager(ssl_context=context)

    def post(self, path: str, body: bytes, headers: Mapping[str, str], *, most_s: float) -> BaseHTTPResponse:
        """The answer to a body.

        Raises:
            urllib3.exceptions.HTTPError: there is none in time.
        """
        seconds = max(min(most_s, _TIMEOUT_S), _SHORTEST_TIMEOUT_S)
        return self._pool.request(
            "POST",
            f"{self._url}{path}",
            body=body,
            headers={**headers, **self._headers},
            timeout=Timeout(total=seconds),
            retries=False,
            redirect=False,
        )

    def close(self) -> None:
        """Give the connection up."""
        self._pool.clear()


def login(url: str) -> dict[str, str]:
    """The header that brings user and password of an address; none where it has none."""
    parts = urlsplit(url)
    if parts.username is None:
        return {}
    return make_headers(basic_auth=f"{unquote(parts.username)}:{unquote(parts.password or '')}")


def refuse_itself(forwarding: Forwarding, *own: Address) -> None:
    """See that an endpoint is not this sidecar, which would send everything to itself without end.

    Raises:
        SettingError: it listens there itself.
    """
    parts = urlsplit(forwarding.url)
    port = parts.port or _PORTS[parts.scheme]
    if port in {address.port for address in own} and _is_here(parts.hostname or ""):
        reason = "this sidecar itself listens there; name the endpoint that everything goes on to"
        raise SettingError("SPANMETER_FORWARD", forwarding.shown_url, reason)


def _is_here(host: str) -> bool:
    """Whether a name stands for this machine: only its own addresses can be bound."""
    try:
        places = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    except OSError:
        return False
    return any(_can_bind(family, place) for family, _, _, _, place in places)


def _can_bind(family: int, place: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as bound:
            bound.bind(place)
    except OSError:
        return False
    return True
