from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from spanmeter_collector.body import MOST_BYTES, Room, fill
from spanmeter_collector.refusal import Refusal

Receive = Callable[[], Awaitable[dict[str, Any]]]


def sender(*chunks: bytes) -> Receive:
    left = list(chunks)

    async def receive() -> dict[str, Any]:
        if not left:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": left.pop(0), "more_body": True}

    return receive


async def refused(receive: Receive, *, announced: bytes = b"", room: Room | None = None) -> tuple[str, str]:
    with pytest.raises(Refusal) as refusal:
        await fill([], announced, receive, room or Room())
    return refusal.value.reason, str(refusal.value)


async def test_every_byte_is_taken_from_the_room() -> None:
    chunks: list[bytes] = []
    room = Room(10)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"abcd", "more_body": not chunks}

    await fill(chunks, b"", receive, room)

    assert (chunks, room.left) == ([b"abcd", b"abcd"], 2)
    room.give_back(8)
    assert room == Room(10)


async def test_a_body_that_is_announced_too_large_is_not_read() -> None:
    assert (await refused(sender(), announced=b"%d" % (MOST_BYTES + 1)))[0] == "too_large"


async def test_a_body_that_becomes_too_large_is_given_up() -> None:
    assert (await refused(sender(bytes(MOST_BYTES), b"x")))[0] == "too_large"


async def test_without_room_the_sender_is_told_to_come_again() -> None:
    room = Room(3)

    assert await refused(sender(b"abcd"), room=room) == (
        "overloaded",
        "too many bodies come in at once; try again later",
    )
    assert room.left == -1


async def test_a_sender_that_leaves_is_no_body() -> None:
    assert (await refused(sender(b"ab")))[0] == "disconnected"


async def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanmeter_collector.body._LONGEST_BODY_S", 0.01)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(10)
        return {}

    assert await refused(receive) == ("slow", "the body did not come within 0.01 s")
