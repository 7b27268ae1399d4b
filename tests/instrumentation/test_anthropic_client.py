"""Streams of the Anthropic client are heard by the chat around them; the client stays as it was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic.resources.messages import AsyncMessages, Messages
from tests.replay.player import Player, playing
from tests.replay.recording import Recording

from spanmeter import anthropic_client, semconv
from spanmeter.call import Opening
from spanmeter.process import calls

STARTED = {"input_tokens": 13, "cache_creation_input_tokens": 256, "cache_read_input_tokens": 1536, "output_tokens": 1}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-3-haiku-20240307", "content": []}
ASKED: dict[str, Any] = {
    "model": "claude-3-haiku-20240307",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "2+2?"}],
    "stream": True,
}


def events(started: dict[str, Any], ended: dict[str, Any]) -> list[dict[str, Any]]:
    message = MESSAGE | {"stop_reason": None, "stop_sequence": None, "usage": started}
    return [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Four."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": ended},
        {"type": "message_stop"},
    ]


def stream_of(started: dict[str, Any], ended: dict[str, Any]) -> Recording:
    lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events(STARTED | started, ended)]
    return Recording("stream", "", {}, {"content-type": "text/event-stream"}, "".join(lines).encode())


# As the API ended its streams until 2025: without the input.
ENDED = {"output_tokens": 77}
EVENTS = events(STARTED, ENDED)


@pytest.fixture
def player() -> Iterator[Player]:
    with playing() as served:
        served.load(stream_of({}, ENDED))
        yield served


def asked(url: str) -> list[str]:
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as client:
        return [event.type for event in client.messages.create(**ASKED)]


async def asked_later(url: str) -> list[str]:
    async with anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client:
        return [event.type async for event in await client.messages.create(**ASKED)]


def chat() -> Any:
    return calls().open(Opening("chat", "chat claude", "llama_index", "anthropic", "claude"))


@pytest.mark.parametrize("later", [False, True], ids=["sync", "async"])
def test_a_stream_tells_its_first_and_its_last_event(player: Player, instrumented: Any, *, later: bool) -> None:
    around = chat()
    with around.held():
        seen = asyncio.run(asked_later(player.url)) if later else asked(player.url)
    around.stop()

    said = instrumented.one("chat claude").attributes
    counted = [said[key] for key in (semconv.INPUT_TOKENS, semconv.CACHE_READ_TOKENS, semconv.OUTPUT_TOKENS)]
    assert counted == [1805, 1536, 77]
    assert (said[semconv.RESPONSE_MODEL], said[semconv.RESPONSE_ID]) == ("claude-3-haiku-20240307", "msg_1")
    assert seen == [event["type"] for event in EVENTS]


def test_a_stream_tells_what_is_billed_apart_how_fast_and_where(player: Player, instrumented: Any) -> None:
    asked_first = {**STARTED, "type": "message", "input_tokens": 300, "output_tokens": 60}
    advised = {"type": "advisor_message", "model": "claude-opus-4-6", "input_tokens": 800, "output_tokens": 90}
    told = {"input_tokens": 300, "output_tokens": 60, "iterations": [asked_first, advised]}
    player.load(stream_of({"inference_geo": "us", "service_tier": "priority"}, told))
    around = chat()
    with around.held():
        asked(player.url)
    around.stop()

    said = instrumented.one("chat claude").attributes
    assert (said[semconv.INPUT_TOKENS], said[semconv.OUTPUT_TOKENS]) == (2892, 150)
    assert (said[semconv.PRICE_REGION], said[semconv.OPENAI_SERVICE_TIER]) == ("us", "priority")
    first = {"input": 300, "cache_read": 1536, "cache_write_5m": 256, "output": 60}
    parts = [first, {"model": "claude-opus-4-6", "input": 800, "output": 90}]
    assert json.loads(said[semconv.USAGE_PARTS]) == parts


def test_a_stream_left_early_has_reported_nothing(player: Player, instrumented: Any) -> None:
    around = chat()
    with around.held(), anthropic.Anthropic(base_url=player.url, api_key="none", max_retries=0) as client:
        stream = client.messages.create(**ASKED)
        next(stream)
        stream.close()
    around.cancel()

    assert semconv.INPUT_TOKENS not in instrumented.one("chat claude").attributes


def test_a_stream_outside_a_chat_leaves_no_span(player: Player, instrumented: Any) -> None:
    assert len(asked(player.url)) == len(EVENTS)
    assert instrumented.finished == ()


def test_the_clients_methods_come_back() -> None:
    own = Messages.create, AsyncMessages.create
    anthropic_client.install()
    anthropic_client.install()
    tapped = Messages.create, AsyncMessages.create
    anthropic_client.remove()

    assert tapped != own
    assert (Messages.create, AsyncMessages.create) == own
