"""A budget holds for every client of LlamaIndex: none reaches its provider once spent, each is charged its cost."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.replay.llama_index.client import CLIENTS, Client
from tests.replay.recording import Recording, recordings

import spanmeter
from spanmeter import semconv

OWN = Path(__file__).parents[1] / "exchanges"
ZERO, ONE = Decimal(0), Decimal(1)
OTHERS = {
    "OpenAI": "gpt-3.5-turbo-0125",
    "OpenAIResponses": "gpt-4o-mini",
    "Anthropic": "claude-3-5-haiku-20241022",
    "BedrockConverse": "anthropic.claude-3-haiku-20240307-v1:0",
    "MistralAI": "mistral-small-latest",
    "Cohere": "command-r7b-12-2024",
}
"""Another model of a class that knows its models by name; others take any."""


def cases() -> Iterator[Any]:
    """Every installed client with one answer of each form, in each of its ways to ask."""
    answers = [*recordings(OWN)]
    for client in (client for client in CLIENTS if client.installed):
        understood = [recording for recording in answers if client.understands(recording)]
        for streamed in (False, True):
            recording = next((each for each in understood if each.streamed is streamed), None)
            for way in client.ways(recording) if recording is not None else ():
                assert recording is not None
                yield pytest.param(client, way, recording, id=f"{client.name}-{way}-{recording.source}")


def generating() -> Iterator[Any]:
    """The same without embeddings, which no other model can make."""
    return (case for case in cases() if "mbedding" not in case.values[0].name)


@pytest.fixture
def budget() -> Iterator[spanmeter.Budget]:
    budget = spanmeter.Budget("day", limit_usd="1", on_unknown="stop")
    yield budget
    budget.close()


@pytest.mark.parametrize(("client", "way", "recording"), list(cases()))
def test_a_spent_budget_lets_no_client_reach_its_provider(
    application: Any, budget: spanmeter.Budget, client: Client, way: str, recording: Recording
) -> None:
    budget._account.charge(10**12, request=None)
    refused = application.ask(client, way, recording)
    assert (type(refused), application.player.answered) == (spanmeter.BudgetExceeded, 0)
    assert (budget.spent_usd, budget.reserved_usd) == (ONE, ZERO)


@pytest.mark.parametrize(("client", "way", "recording"), list(cases()))
def test_a_budget_is_charged_what_the_call_cost(
    application: Any, client: Client, way: str, recording: Recording
) -> None:
    budget = spanmeter.Budget("wide", limit_usd="1")
    try:
        refused = application.ask(client, way, recording)
        if refused is not None:
            pytest.skip(f"{client.name} gives up on this answer: {type(refused).__name__}")
        [span] = application.calls()
        spent = Decimal(span.attributes.get(semconv.COST_USD, "0"))
        assert (budget.spent_usd, budget.reserved_usd) == (spent, ZERO)
    finally:
        budget.close()


@pytest.mark.parametrize(("client", "way", "recording"), list(cases()))
def test_what_a_provider_refuses_gives_back(application: Any, client: Client, way: str, recording: Recording) -> None:
    budget = spanmeter.Budget("wide", limit_usd="1")
    application.player.refuses = True
    try:
        refused = application.ask(client, way, recording)
        assert (refused is not None, budget.spent_usd, budget.reserved_usd) == (True, ZERO, ZERO)
    finally:
        application.player.refuses = False
        budget.close()


@pytest.mark.parametrize(("client", "way", "recording"), list(generating()))
def test_a_spent_budget_has_a_client_ask_another_model(
    application: Any, client: Client, way: str, recording: Recording
) -> None:
    application.ask(client, way, recording)
    [before] = application.calls()
    other = OTHERS.get(client.name, "other-model")
    downgrade = {before.attributes[semconv.REQUEST_MODEL]: other}
    budget = spanmeter.Budget("cheaper", limit_usd="1", action="downgrade", downgrade=downgrade)
    budget._account.charge(10**12, request=None)
    try:
        refused = application.ask(client, way, recording)
        if refused is not None and not application.player.answered:
            pytest.skip(f"{client.name} asks nobody in this way: {type(refused).__name__}")
        [said] = application.calls()
        told = said.attributes.get(semconv.DOWNGRADED_FROM)
        assert (other in application.player.asked, told) == (True, next(iter(downgrade))), refused
    finally:
        budget.close()
