"""An exchange: what a provider answers in its wire format, and what it thereby says was used."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spanmeter.pricing import Usage

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One answer; `events` are those of a stream, in order, and `done` closes it where the provider does so.

    `usage` is what a reader of the provider's documentation takes the answer to say.
    """

    name: str
    provider: str
    model: str
    usage: Usage
    body: Body | None = None
    events: Sequence[Body] = ()
    done: bool = True
    api: str = ""

    @property
    def streamed(self) -> bool:
        """Whether the answer comes in pieces."""
        return self.body is None

    @property
    def content_type(self) -> str:
        """The header of that name."""
        return "text/event-stream" if self.streamed else "application/json"

    def encode(self) -> bytes:
        """The answer as bytes: JSON, or events of https://html.spec.whatwg.org/multipage/server-sent-events.html."""
        if not self.streamed:
            return json.dumps(self.body).encode()
        text = "".join(_event(event) for event in self.events)
        return (text + ("data: [DONE]\n\n" if self.done else "")).encode()


def _event(event: Body) -> str:
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n"
