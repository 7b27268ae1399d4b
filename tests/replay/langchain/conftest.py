"""An instrumented application that asks LangChain's clients for what a player answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.replay.langchain.clients import Client
from tests.replay.player import Player, playing
from tests.replay.recording import Recording

import spanmeter
from spanmeter import semconv
from spanmeter.settling import settling


@dataclass(slots=True)
class Application:
    """Asks clients, and keeps the spans of the last one."""

    player: Player
    exporter: InMemorySpanExporter
    runner: asyncio.Runner

    def ask(self, client: Client, way: str, recording: Recording) -> Exception | None:
        """Have a client read a recording to its end, and return with what it gave up."""
        settling.now()
        self.exporter.clear()
        self.player.load(recording)
        try:
            model = client.make(self.player.url, client.model(recording))
            if way == "async":
                self.runner.run(_ask_async(model, recording))
            else:
                _ask(model, recording)
        except Exception as refused:  # noqa: BLE001  each package has its own
            return refused
        return None

    def calls(self) -> list[dict[str, Any]]:
        """Return the attributes of the spans that count as calls."""
        settling.now()
        said = [dict(span.attributes or {}) for span in self.exporter.get_finished_spans()]
        operations = (semconv.OPERATION_NAME, semconv.OPERATION)
        return [each for each in said if any(each.get(key) in semconv.CALL_OPERATIONS for key in operations)]


def _ask(model: Any, recording: Recording) -> None:
    if hasattr(model, "embed_documents"):
        model.embed_documents(["What is two and two?"])
    elif recording.streamed:
        list(model.stream("What is two and two?"))
    else:
        model.invoke("What is two and two?")


async def _ask_async(model: Any, recording: Recording) -> None:
    if hasattr(model, "embed_documents"):
        await model.aembed_documents(["What is two and two?"])
    elif recording.streamed:
        async for _ in model.astream("What is two and two?"):
            pass
    else:
        await model.ainvoke("What is two and two?")


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    exporter, tracer_provider = InMemorySpanExporter(), TracerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    with playing() as player, asyncio.Runner() as runner:
        spanmeter.instrument(endpoint=player.url, tracer_provider=tracer_provider)
        yield Application(player, exporter, runner)
        spanmeter.uninstrument()
