"""A tap on the Anthropic client's streams, whose first event LlamaIndex throws away.

It holds what was read from and written to the cache, which older versions of the API say nowhere else, and the model.
"""

# ruff: noqa: ANN401  clients answer with anything

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

from spanmeter.answer import Answer, billed_apart
from spanmeter.barrier import barrier
from spanmeter.call import Call
from spanmeter.pricing import read_region, read_service_tier
from spanmeter.pricing.reading import read
from spanmeter.tap import Taps

MODULE: Final = "anthropic.resources.messages.messages"
_CLASSES: Final = ("Messages", "AsyncMessages")
_taps: Final = Taps()


def install() -> None:
    """Report what each stream of messages told to the chat around it.

    Idempotent; does nothing where the application has not imported `anthropic`'s messages.
    """
    messages = sys.modules.get(MODULE)
    for name in _CLASSES:
        kind = getattr(messages, name, None)
        if kind is not None:
            _taps.put(kind, "create", operation="chat", hear=_listen)


def remove() -> None:
    """Put the client's own methods back."""
    _taps.remove()


def _listen(call: Call, answer: Any) -> None:
    events = getattr(answer, "_iterator", None)
    if events is not None:
        hear = barrier(_Ear(call).hear)
        answer._iterator = _later(events, hear) if hasattr(events, "__anext__") else _now(events, hear)  # noqa: SLF001  its class has no door for listeners


class _Ear:
    """Puts together what the events of one stream say; the last word on each count holds."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._usage: dict[str, Any] = {}
        self._model = self._id = ""

    def hear(self, event: Any) -> None:
        """Note the first event, and report with the one that tells the end."""
        kind = event.type
        if kind == "message_start":
            self._model, self._id = event.message.model, event.message.id
            self._note(event.message.usage)
        elif kind == "message_delta":
            self._note(event.usage)
            reading = read(self._usage, provider="anthropic")
            self._call.report(
                Answer(
                    usage=reading.known,
                    model=self._model,
                    response_id=self._id,
                    service_tier=read_service_tier(self._usage),
                    usage_notes=reading.notes,
                    parts=reading.parts if billed_apart(reading.parts) else (),
                    region=read_region(self._usage),
                )
            )

    def _note(self, usage: Any) -> None:
        self._usage |= usage.model_dump(exclude_none=True)


def _now(events: Iterator[Any], hear: Callable[[Any], None]) -> Iterator[Any]:
    for event in events:
        hear(event)
        yield event


async def _later(events: AsyncIterator[Any], hear: Callable[[Any], None]) -> AsyncIterator[Any]:
    async for event in events:
        hear(event)
        yield event
