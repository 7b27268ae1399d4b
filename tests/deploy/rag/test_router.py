from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from spanmeter_rag.clients import Clients
from spanmeter_rag.patience import Patience
from spanmeter_rag.router import LARGE, SMALL, Router
from spanmeter_rag.settings import Resilience

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import Finish, RunningProvider

HARD = "How do class attributes, instance attributes and descriptors differ in lookup order, and which one wins?"


async def _choice(provider: RunningProvider, question: str) -> str:
    clients = Clients(provider.settings)
    try:
        return await Router(clients.chat_model("gpt-4.1-nano"), Patience(Resilience(attempts=1))).choose(question)
    finally:
        await clients.close()


@pytest.mark.parametrize(("question", "way"), [("What is a loop?", SMALL), (HARD, LARGE)])
def test_a_small_model_chooses_the_way(provider: RunningProvider, finish: Finish, question: str, way: str) -> None:
    assert finish(_choice(provider, question)) == way
    (entry,) = provider.record.report()["requests"]
    assert (entry["model"], entry["usage"]["completion_tokens"]) == ("gpt-4.1-nano-2025-04-14", 1)


def test_when_it_fails_the_small_way_is_taken(provider: RunningProvider, finish: Finish) -> None:
    httpx.put(f"{provider.url}/conditions", json={"down": True}, trust_env=False).raise_for_status()
    assert finish(_choice(provider, HARD)) == SMALL


def test_without_a_model_nobody_is_asked(finish: Finish) -> None:
    assert finish(Router(None, Patience()).choose(HARD)) == SMALL
