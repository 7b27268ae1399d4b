"""A budget holds for every client of LangChain: none reaches its provider once spent, each is charged its cost."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.replay.langchain.clients import CLIENTS, Client
from tests.replay.recording import Recording, recordings

import spanmeter
from spanmeter import semconv

OWN = Path(__file__).parents[1] / "exchanges"
ZERO, ONE = Decimal(0), Decimal(1)
OTHER = "other-model"


def cases() -> Iterator[Any]:
    """Every installed client with one answer of each form, asked synchronously and asynchronously."""
    answers = [*recordings(OWN)]
    for client in (client for client in CLIENTS if client.installed):
        read = [recording for recording in answers if client.reads(recording)]
        for streamed in (False, True):
            recording = next((each for each in read if each.streamed is streamed), None)
            for way in ("sync", "async") if recording is not None else ():
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
        (said,) = application.calls()
        spent = Decimal(said.get(semconv.COST_USD, "0"))
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
    downgrade = {before[semconv.REQUEST_MODEL]: OTHER}
    budget = spanmeter.Budget("cheaper", limit_usd="1", action="downgrade", downgrade=downgrade)
    budget._account.charge(10**12, request=None)
    try:
        refused = application.ask(client, way, recording)
        [said] = application.calls()
        told = said.get(semconv.DOWNGRADED_FROM)
        assert (OTHER in application.player.asked, told) == (True, next(iter(downgrade))), refused
    finally:
        budget.close()
