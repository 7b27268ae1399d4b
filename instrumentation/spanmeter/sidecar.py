"""Where the sidecar's API is, which processes that share budgets ask."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final

from spanmeter.destination import Destination, address

ADDRESS: Final = "SPANMETER_SIDECAR"
TOKEN: Final = "SPANMETER_SIDECAR_TOKEN"


def sidecar(told: str | None, *, endpoint: str | None) -> Destination:
    """The sidecar that `told` or `SPANMETER_SIDECAR` names, else whoever takes the spans.

    One that is named is sent the token in `SPANMETER_SIDECAR_TOKEN` and no headers that are for who takes the spans.

    Raises:
        ValueError: an address or a token is malformed; the message names it and what is allowed.
    """
    spans = Destination.of("traces", endpoint)
    named = told or os.environ.get(ADDRESS, "").strip()
    token = os.environ.get(TOKEN, "").strip()
    if not (token.isascii() and token.isprintable()):
        raise ValueError(f"{TOKEN}: the token has to be printable ASCII")
    bearer = {"authorization": f"Bearer {token}"} if token else {}
    if not named:
        return replace(spans, headers={**spans.headers, **bearer})
    root = address("sidecar" if told else ADDRESS, named).rstrip("/")
    return replace(spans, url=f"{root}/v1/traces", headers=bearer)
