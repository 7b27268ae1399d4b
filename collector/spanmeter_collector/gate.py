"""The gate: which request goes to which door, and with which token."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from spanmeter_collector.bearer import NO_TOKENS, Tokens
from spanmeter_collector.budget_routes import OPERATOR, may_hold

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_OPEN_TO_ALL: Final = frozenset({"/health", "/ready"})


def create_app(*, door: App, api: App, query_tokens: Tokens = NO_TOKENS, ingest_tokens: Tokens = NO_TOKENS) -> App:
    """One ASGI application: `/v1/…` goes to the OTLP door, the rest to the API, behind the query tokens.

    What applications ask of budgets passes with the ingest tokens as well.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            await door(scope, receive, send)
        elif scope["type"] == "http" and _may_query(scope, query_tokens):
            await api({**scope, OPERATOR: True}, receive, send)
        elif scope["type"] == "http" and may_hold(scope["method"], scope["path"]) and _admits(scope, ingest_tokens):
            await api({**scope, OPERATOR: False}, receive, send)
        elif scope["type"] == "http":
            await _refuse(send)
        else:
            await api(scope, receive, send)

    return app


def _may_query(scope: Scope, tokens: Tokens) -> bool:
    return scope["path"] in _OPEN_TO_ALL or _admits(scope, tokens)


def _admits(scope: Scope, tokens: Tokens) -> bool:
    return tokens.admits([said for name, said in scope["headers"] if name == b"authorization"])


async def _refuse(send: Send) -> None:
    sentence = "the header Authorization: Bearer <SPANMETER_QUERY_TOKEN> is missing or wrong"
    headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": sentence}).encode()})
