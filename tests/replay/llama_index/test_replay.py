"""What is counted is what providers said: recorded answers, read by LlamaIndex's real clients over real HTTP.

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
from tests.replay.llama_index.client import CLIENTS, Client
from tests.replay.llama_index.oracle import Told, told
from tests.replay.recording import Recording, recordings
from tests.replay.wire import bodies, raw_usage

from spanmeter import barrier, semconv
from spanmeter.pricing import PriceBook, PriceKey, Usage, read_parts, read_reported_usd
from spanmeter.pricing.cost import together

OWN = Path(__file__).parents[1] / "exchanges"
FOLDERS = (OWN, *map(Path, filter(None, os.environ.get("SPANMETER_RECORDINGS", "").split(os.pathsep))))


def cases() -> Iterator[Any]:
    """Every installed client with every answer it understands, in each of its ways to ask."""
    installed = [client for client in CLIENTS if client.installed]
    for folder in FOLDERS:
        for recording in recordings(folder):
            if "gemini-3" in recording.url and recording.billed:
                continue  # answers name no model here, the clients ask 2.5, and 3 bills its searches otherwise
            for client in (client for client in installed if client.understands(recording)):
                for way in client.ways(recording):
                    yield pytest.param(client, way, recording, id=f"{client.name}-{way}-{recording.source}")


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


@pytest.mark.parametrize(("client", "way", "recording"), list(cases()))
def test_what_is_counted_is_what_the_provider_said(
    application: Any, book: PriceBook, client: Client, way: str, recording: Recording
) -> None:
    refused = application.ask(client, way, recording)
    calls = application.calls()
    assert barrier.faults == {}
    if refused is not None:
        assert [span.attributes[semconv.ERROR_TYPE] for span in calls] != [""]
        pytest.skip(f"{client.name} gives up on this answer: {type(refused).__name__}")
    [span] = calls
    said = dict(span.attributes)
    expected = told(client.wire, list(bodies(recording)))
    if expected is None:
        assert said.get(semconv.USAGE_GRADE) != "reported"
        return
    assert (said.get(semconv.PROVIDER_NAME, ""), counted(said)) == (client.provider, expected)
    assert {bucket: said.get(semconv.USAGE_PREFIX + bucket) for bucket in recording.billed} == recording.billed
    assert said.get(semconv.COST_USD) == cost(book, said, client, recording)


def counted(said: dict[str, Any]) -> Told:
    """Cached audio has a bucket of its own."""
    cached = said.get(semconv.CACHE_READ_TOKENS, 0) + said.get(f"{semconv.USAGE_PREFIX}cache_read_audio", 0)
    total_in, total_out = said.get(semconv.INPUT_TOKENS, 0), said.get(semconv.OUTPUT_TOKENS, 0)
    return Told(total_in, total_out, cached, said.get(semconv.REASONING_TOKENS, 0))


def cost(book: PriceBook, said: dict[str, Any], client: Client, recording: Recording) -> str | None:
    """What the raw usage costs at the model that answered, or the one that was asked where none is named."""
    usage = raw_usage(recording)
    model = said.get(semconv.RESPONSE_MODEL) or said.get(semconv.REQUEST_MODEL) or ""
    key = PriceKey(client.provider, model, service_tier=said.get(semconv.OPENAI_SERVICE_TIER, ""))
    now, reported = datetime.now(UTC), read_reported_usd(usage, provider=client.provider)
    first, *others = read_parts(usage, provider=client.provider)
    parts = (replace(first, usage=first.usage + Usage(**recording.billed)), *others)
    keys = [key._replace(model=part.model or model) for part in parts]
    costs = [book.cost(own, part.usage, at=now, reported_usd=reported) for own, part in zip(keys, parts, strict=True)]
    usd = costs[0].usd if reported is not None else together(costs).usd
    return None if usd is None else format(usd, "f")
