"""The webhook of a budget: one attempt to tell it of a threshold."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

import requests
from opentelemetry import context
from urllib3.exceptions import HTTPError

from spanmeter.version import __version__
from spanmeter.wire import unseen

WEBHOOK_TIMEOUT_S: Final = 5.0
_log: Final = logging.getLogger("spanmeter.budget")


def post(url: str, body: Mapping[str, str | None]) -> None:
    """Try once; the log has told it already. The address may hold a secret, and errors quote it: none is shown."""
    token = context.attach(unseen())
    headers = {"user-agent": f"spanmeter/{__version__}"}
    try:
        answer = requests.post(url, json=body, headers=headers, timeout=WEBHOOK_TIMEOUT_S, allow_redirects=False)
        refusal = "" if answer.status_code < 300 else f"status {answer.status_code}"
    except (OSError, HTTPError) as error:  # of requests, of certificates on disk, and of urllib3
        refusal = type(error).__name__
    finally:
        context.detach(token)
    if refusal:
        _log.warning("the webhook of budget %r was not reached: %s", body["budget"], refusal)
