"""How an answer goes over the wire."""

from __future__ import annotations

import pytest

from spanmeter.doctor.exchange import Exchange
from spanmeter.pricing import Usage


@pytest.mark.parametrize(
    ("exchange", "content_type", "body"),
    [
        (Exchange("one", "p", "m", Usage(), body={"a": 1}), "application/json", b'{"a": 1}'),
        (
            Exchange("events", "p", "m", Usage(), events=({"a": 1}, {"a": 2})),
            "text/event-stream",
            b'data: {"a": 1}\n\ndata: {"a": 2}\n\ndata: [DONE]\n\n',
        ),
        (
            Exchange("named events", "p", "m", Usage(), events=({"type": "ping"},), done=False),
            "text/event-stream",
            b'event: ping\ndata: {"type": "ping"}\n\n',
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Exchange) else "",
)
def test_an_answer_is_json_or_events(exchange: Exchange, content_type: str, body: bytes) -> None:
    assert (exchange.content_type, exchange.encode()) == (content_type, body)
