"""Every client of LlamaIndex that is installed, asking a player of recorded answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import llama_index.core
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.replay.llama_index.client import Client
from tests.replay.player import Player, playing
from tests.replay.recording import Recording

import spanmeter
from spanmeter import barrier, semconv
from spanmeter.settling import settling

Said = Mapping[str, Any]


@dataclass(slots=True)
class Application:
    """Asks clients for what a player answers, and reads what was counted."""

    player: Player
    exporter: InMemorySpanExporter
    runner: asyncio.Runner
    models: dict[Client, Any] = field(default_factory=dict)

    def model(self, client: Client) -> Any:
        """Build a client once."""
        os.environ.update(client.environment(self.player.url))
        if client not in self.models:
            self.models[client] = client.build(self.player.url)
        return self.models[client]

    def ask(self, client: Client, way: str, recording: Recording) -> Exception | None:
        """Have a client read a recording to its end, and return with what it gave up."""
        model, argument = self.model(client), client.argument(way, recording)
        self.player.load(recording)
        self.exporter.clear()
        try:
            if way.startswith("a"):
                self.runner.run(_read_later(model, way, argument))
            else:
                _read(model, way, argument)
        except Exception as refused:  # noqa: BLE001  each package has its own
            return refused
        return None

    def calls(self) -> list[ReadableSpan]:
        """Return the spans that count as calls."""
        settling.now()
        return [span for span in self.exporter.get_finished_spans() if _counts(span.attributes or {})]


def _counts(said: Said) -> bool:
    return said.get(semconv.OPERATION_NAME) in semconv.CALL_OPERATIONS and not said.get(semconv.WRAPPER)


def _read(model: Any, way: str, argument: Any) -> None:
    answer = getattr(model, way)(argument)
    if "stream" in way:
        for _ in answer:
            pass


async def _read_later(model: Any, way: str, argument: Any) -> None:
    answer = await getattr(model, way)(argument)
    if "stream" in way:
        async for _ in answer:
            pass


@pytest.fixture(scope="module")
def application(offline: None) -> Iterator[Application]:  # noqa: ARG001  what it does lasts
    exporter, tracer_provider = InMemorySpanExporter(), TracerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    with playing() as player, asyncio.Runner() as runner:
        spanmeter.instrument(service_name="replay", endpoint=player.url, tracer_provider=tracer_provider)
        barrier.faults.clear()
        yield Application(player, exporter, runner)
        spanmeter.uninstrument()


@pytest.fixture(scope="module")
def offline() -> Iterator[None]:
    """Keep LlamaIndex and OpenAI's tokenizer from the network, and the environment as it was."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(llama_index.core, "global_tokenizer", str.split)
        patch.setattr(os, "environ", os.environ.copy())
        yield
