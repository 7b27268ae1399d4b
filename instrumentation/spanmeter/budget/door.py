"""The sidecar's API of budgets, as the application's process asks it: one attempt each, never for long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import requests
from opentelemetry import context
from urllib3.exceptions import HTTPError

from spanmeter.destination import Destination, on_this_machine
from spanmeter.version import __version__
from spanmeter.wire import unseen

TIMEOUT_S: Final = 2.0
MAX_ANSWER_BYTES: Final = 1024 * 1024
_PATH: Final = "/api/v1/budgets"
_SIGNAL: Final = "/v1/traces"


class Told(NamedTuple):
    """An answer: its status, 0 where nobody answered, and the fields of its JSON."""

    status: int
    fields: Mapping[str, Any]


class Door:
    """Connections to the sidecar that takes this process's spans; for one thread at a time."""

    def __init__(self, destination: Destination) -> None:
        self._root = destination.url.removesuffix(_SIGNAL) + _PATH
        self._session = requests.Session()
        self._session.headers.update({"user-agent": f"spanmeter/{__version__}"} | dict(destination.headers))
        self._settings = self._session.merge_environment_settings(
            destination.url, {}, False, destination.certificate, destination.client_certificate
        )
        if on_this_machine(destination.url):
            self._settings["proxies"] = {}
        self._session.trust_env = False

    def ask(self, method: str, name: str = "", *, below: str = "", body: Mapping[str, Any] | None = None) -> Told:
        """Send one request about all budgets, or about that of a name."""
        url = "/".join(filter(None, (self._root, quote(name, safe=""), below)))
        request = self._session.prepare_request(requests.Request(method, url, json=body))
        token = context.attach(unseen())
        try:
            return self._attempt(request)
        finally:
            context.detach(token)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _attempt(self, request: requests.PreparedRequest) -> Told:
        try:
            answer = self._session.send(request, timeout=TIMEOUT_S, allow_redirects=False, **self._settings)
            fields = answer.json() if len(answer.content) <= MAX_ANSWER_BYTES else {}
        except requests.exceptions.JSONDecodeError:
            return Told(answer.status_code, {})
        except (OSError, HTTPError):  # of requests, of certificates on disk, and of urllib3
            return Told(0, {})
        return Told(answer.status_code, fields if isinstance(fields, dict) else {})
