from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

import httpx
import openai
import pytest
from langchain_core.runnables import RunnableGenerator, RunnableLambda

from spanmeter_rag.patience import Patience, Patient, is_transient
from spanmeter_rag.settings import Resilience

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import Finish

NOON = "Sun, 22 Nov 2026 12:00:00 GMT"
REQUEST = httpx.Request("POST", "http://127.0.0.1/v1/chat/completions")


def _refusal(status: int, headers: dict[str, str] | None = None) -> openai.APIStatusError:
    kind = {429: openai.RateLimitError, 500: openai.InternalServerError, 400: openai.BadRequestError}[status]
    return kind("refused", response=httpx.Response(status, headers=headers, request=REQUEST), body=None)


class Flaky:
    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.attempts = 0

    def __call__(self, value: str = "in") -> str:
        self.attempts += 1
        if self.errors:
            raise self.errors.pop(0)
        return value + "!"

    async def later(self, value: str = "in") -> str:
        return self(value)

    def stream(self, values: Iterator[str]) -> Iterator[str]:
        yield self(next(values))
        yield "end"

    async def later_stream(self, values: AsyncIterator[str]) -> AsyncIterator[str]:
        yield self(await anext(values))
        yield "end"


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (_refusal(429), True),
        (_refusal(500), True),
        (openai.APIConnectionError(request=REQUEST), True),
        (openai.APITimeoutError(request=REQUEST), True),
        (httpx.RemoteProtocolError("a stream broke off"), True),
        (json.JSONDecodeError("an answer was cut", "{", 1), True),
        (_refusal(400), False),
        (ValueError("x"), False),
    ],
)
def test_only_what_may_pass_is_transient(error: Exception, transient: bool) -> None:  # noqa: FBT001
    assert is_transient(error) is transient


def test_a_refused_call_is_repeated_until_it_succeeds() -> None:
    flaky = Flaky(_refusal(500), _refusal(429))
    assert (Patience().call(flaky, "a"), flaky.attempts) == ("a!", 3)


def test_a_refused_coroutine_is_repeated_until_it_succeeds(finish: Finish) -> None:
    flaky = Flaky(_refusal(500))
    assert (finish(Patience().call_async(flaky.later, "a")), flaky.attempts) == ("a!", 2)


def test_after_six_attempts_the_last_error_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    flaky = Flaky(*(_refusal(500) for _ in range(Resilience().attempts + 1)))
    with pytest.raises(openai.InternalServerError):
        Patience().call(flaky)
    assert flaky.attempts == Resilience().attempts


def test_what_cannot_pass_is_not_repeated() -> None:
    flaky = Flaky(_refusal(400))
    with pytest.raises(openai.BadRequestError):
        Patience().call(flaky)
    assert flaky.attempts == 1


@pytest.mark.parametrize(
    ("headers", "waited_s"),
    [
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:07 GMT", "date": NOON}, 7.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:59:00 GMT", "date": NOON}, 0.0),
        ({"retry-after": "Sun, 22 Nov 2020 12:00:00 GMT"}, 0.0),
    ],
)
@pytest.mark.parametrize("status", [429, 500])
def test_the_provider_is_waited_for_as_long_as_it_says(
    monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str], waited_s: float
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    Patience().call(Flaky(_refusal(status, headers)))
    assert waits == [waited_s]


@pytest.mark.parametrize("told", ["60", "Sun, 22 Nov 2026 12:01:00 GMT"])
def test_a_longer_pause_than_the_longest_is_not_waited_for(told: str) -> None:
    flaky = Flaky(_refusal(429, {"retry-after": told, "date": NOON}))
    with pytest.raises(openai.RateLimitError):
        Patience().call(flaky)
    assert flaky.attempts == 1


@pytest.mark.parametrize("told", ["", "soon", "-1"])
def test_what_is_no_time_leaves_the_wait_to_grow_with_jitter(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    Patience().call(Flaky(*[_refusal(429, {"retry-after": told})] * 5))
    assert all(0 <= wait <= 0.1 * 2**attempt for attempt, wait in enumerate(waits))
    assert len(set(waits)) == len(waits)


def _lambda(flaky: Flaky) -> Patient[str, str]:
    return Patient(RunnableLambda(flaky, afunc=flaky.later), Patience())


def _generator(flaky: Flaky) -> Patient[str, str]:
    return Patient(RunnableGenerator(flaky.stream, flaky.later_stream), Patience())


@pytest.mark.parametrize("build", [_lambda, _generator])
def test_a_patient_runnable_gives_what_the_inner_one_does(
    build: Callable[[Flaky], Patient[str, str]], finish: Finish
) -> None:
    async def later() -> tuple[str, str]:
        streamed = [part async for part in build(Flaky(_refusal(500))).astream("a")]
        return await build(Flaky(_refusal(500))).ainvoke("a"), "".join(streamed)

    whole = build(Flaky()).invoke("a")
    assert build(Flaky(_refusal(500))).invoke("a") == whole
    assert "".join(build(Flaky(_refusal(500))).stream("a")) == whole
    assert finish(later()) == (whole, whole)
