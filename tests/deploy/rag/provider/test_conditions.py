from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from spanmeter_rag.provider.conditions import Conditions
from spanmeter_rag.provider.request import BadRequestError

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import RunningProvider


def _put(provider: RunningProvider, **conditions: Any) -> None:
    httpx.put(f"{provider.url}/conditions", json=conditions, trust_env=False).raise_for_status()


def _ask(provider: RunningProvider, model: str) -> int:
    body = {"model": model, "messages": [{"role": "user", "content": "Why?"}]}
    return httpx.post(f"{provider.url}/v1/chat/completions", json=body, trust_env=False).status_code


def test_a_provider_that_is_down_refuses_everything_until_it_is_up_again(provider: RunningProvider) -> None:
    _put(provider, down=True)
    models = httpx.get(f"{provider.url}/v1/models", trust_env=False)
    assert (_ask(provider, "gpt-4o"), models.status_code) == (503, 503)
    _put(provider, down=False)
    assert _ask(provider, "gpt-4o") == 200
    assert [entry["status"] for entry in provider.record.report()["requests"]] == [503, 200]


def test_one_model_may_be_down_alone(provider: RunningProvider) -> None:
    _put(provider, down=True, models=["gpt-4o"])
    assert (_ask(provider, "gpt-4o"), _ask(provider, "gpt-4o-mini")) == (503, 200)
    assert httpx.get(f"{provider.url}/v1/models", trust_env=False).status_code == 200
    told = httpx.get(f"{provider.url}/conditions", trust_env=False).json()
    assert told == {"down": True, "slow_s": 0.0, "models": ["gpt-4o"]}


def test_a_slow_model_answers_later(provider: RunningProvider) -> None:
    _put(provider, slow_s=0.3, models=["gpt-4o"])
    started = time.monotonic()
    assert _ask(provider, "gpt-4o") == 200
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"down": "yes"}, "down must be true or false"),
        ({"slow_s": -1}, "slow_s must be a number of seconds from 0 to 600"),
        ({"slow_s": True}, "slow_s must be a number of seconds from 0 to 600"),
        ({"models": ["gpt-9"]}, "models must be a list of gpt-4o-mini"),
        ({"faults": 1}, "conditions are down, slow_s and models, not faults"),
    ],
)
def test_conditions_that_cannot_be_are_refused(body: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRequestError, match=said):
        Conditions.read(body)
