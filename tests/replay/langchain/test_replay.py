"""What is counted is what providers said: their answers, read by LangChain's real clients over real HTTP.

Answers are those of `tests/replay/exchanges`, and of the folders of cassettes that SPANMETER_RECORDINGS names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.replay.langchain.clients import CLIENTS, Client
from tests.replay.recording import Recording, recordings
from tests.replay.wire import raw_tier, raw_usage

from spanmeter import semconv
from spanmeter.answer import usage_attributes
from spanmeter.pricing import (
    PriceBook,
    PriceKey,
    Usage,
    read_parts,
    read_reported_usd,
    read_service_tier,
    read_usage,
)
from spanmeter.pricing.cost import together

OWN = Path(__file__).parents[1] / "exchanges"
FOLDERS = (OWN, *map(Path, filter(None, os.environ.get("SPANMETER_RECORDINGS", "").split(os.pathsep))))
COUNTED = ("gen_ai.usage.", semconv.USAGE_PREFIX)
BESIDE = {semconv.USAGE_NOTES, semconv.USAGE_PARTS}


def cases() -> Iterator[Any]:
    """Every installed client with every answer it reads, asked synchronously and asynchronously."""
    installed = [client for client in CLIENTS if client.installed]
    for recording in (each for folder in FOLDERS for each in recordings(folder)):
        for client in (client for client in installed if client.reads(recording)):
            for way in ("sync", "async"):
                yield pytest.param(client, way, recording, id=f"{client.name}-{way}-{recording.source}")


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


@pytest.mark.parametrize(("client", "way", "recording"), list(cases()))
def test_what_is_counted_is_what_the_provider_said(
    application: Any, book: PriceBook, client: Client, way: str, recording: Recording
) -> None:
    refused = application.ask(client, way, recording)
    if refused is not None:
        pytest.skip(f"{client.name} gives up on this answer: {type(refused).__name__}")
    (said,) = application.calls()
    told = raw_usage(recording)
    if not told:
        assert said.get(semconv.USAGE_GRADE) != "reported"
        return
    usage = read_usage(told, provider=client.provider) + Usage(**recording.billed)
    expected = usage_attributes(usage, estimated=False)
    assert application.player.answered == 1
    assert counted(said) == expected
    assert said.get(semconv.COST_USD) == cost(book, said, client, recording)


def counted(said: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key.startswith(COUNTED) and key not in BESIDE}


def cost(book: PriceBook, said: dict[str, Any], client: Client, recording: Recording) -> str | None:
    """Price the raw usage, past LangChain's reading of it; the model is the one the span names."""
    told = raw_usage(recording)
    model = said.get(semconv.RESPONSE_MODEL) or said[semconv.REQUEST_MODEL]
    key = PriceKey(client.provider, model, service_tier=read_service_tier(raw_tier(recording), told))
    reported = read_reported_usd(told, provider=client.provider)
    now = datetime.now(UTC)
    first, *others = read_parts(told, provider=client.provider)
    parts = (replace(first, usage=first.usage + Usage(**recording.billed)), *others)
    keys = [key._replace(model=part.model or model) for part in parts]
    costs = [book.cost(own, part.usage, at=now, reported_usd=reported) for own, part in zip(keys, parts, strict=True)]
    usd = costs[0].usd if reported is not None else together(costs).usd
    return None if usd is None else format(usd, "f")
