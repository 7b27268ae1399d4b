"""The sidecar's process: opens the store, starts the pipeline and both doors, and ends them in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanmeter_collector.bearer import is_authorized

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

_OPEN_TO_ALL = frozenset({"/health", "/ready"})


def create_app(*, door: App, api: App, query_token: str = "") -> App:
    """One ASGI application: `/v1/…` goes to the OTLP door, the rest to the API, behind the query token."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            await door(scope, receive, send)
        elif scope["type"] == "http" and not _may_query(scope, query_token):
            await _refuse(send)
        else:
            await api(scope, receive, send)

    return app


def _may_query(scope: Scope, token: str) -> bool:
    header = dict(scope["headers"]).get(b"authorization", b"")
    return scope["path"] in _OPEN_TO_ALL or is_authorized(header, token)


async def _refuse(send: Send) -> None:
    body = b'{"error": "the header Authorization: Bearer <SPANMETER_QUERY_TOKEN> is missing or wrong"}'
    headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})
