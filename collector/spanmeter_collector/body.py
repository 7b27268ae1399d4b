"""The body of an HTTP request as it comes in: within bounds of size and time, each alone and all together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from spanmeter_collector.refusal import Refusal

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MOST_BYTES: Final = 16 * 2**20
_MOST_BYTES_AT_ONCE: Final = 128 * 2**20
_LONGEST_BODY_S: Final = 30
_WAIT_S: Final = 2.0


@dataclass(slots=True)
class Room:
    """How many more bytes of bodies may be held at once."""

    left: int = _MOST_BYTES_AT_ONCE

    def take(self, size: int) -> None:
        """Count bytes that are held now, also when there is no room for them.

        Raises:
            Refusal: there was no room.
        """
        self.left -= size
        if self.left < 0:
            raise Refusal("overloaded", "too many bodies come in at once; try again later", wait_s=_WAIT_S)

    def give_back(self, size: int) -> None:
        """Count bytes that are held no longer."""
        self.left += size


async def fill(chunks: list[bytes], announced: bytes, receive: Receive, room: Room) -> None:
    """Read a body; every byte is taken from the room, and whoever has the chunks gives it back.

    Raises:
        Refusal: the body is too large, too slow, or there is no room.
    """
    if announced.isdigit() and int(announced) > MOST_BYTES:
        raise too_large()
    size = 0
    try:
        async with asyncio.timeout(_LONGEST_BODY_S):
            async for chunk in _chunks(receive):
                chunks.append(chunk)
                room.take(len(chunk))
                size += len(chunk)
                if size > MOST_BYTES:
                    raise too_large()
    except TimeoutError as error:
        raise Refusal("slow", f"the body did not come within {_LONGEST_BODY_S} s") from error


def too_large() -> Refusal:
    """The refusal of a body above `MOST_BYTES`, as it comes in or once it is decompressed."""
    return Refusal("too_large", f"the body is larger than {MOST_BYTES} bytes; send smaller batches")


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Refusal("disconnected", "the sender left before the body ended")
        yield event.get("body", b"")
        more = event.get("more_body", False)
