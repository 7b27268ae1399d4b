from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import openai
import pytest
from prometheus_client import CollectorRegistry

from spanmeter_rag.answer import Answer, Mode, Source
from spanmeter_rag.corpus import Passage
from spanmeter_rag.effects import EffectCounters
from spanmeter_rag.ladder import NO_MODEL, Ladder, Outcome, Route
from spanmeter_rag.lexicon import Lexicon

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import Finish

REQUEST = httpx.Request("POST", "http://127.0.0.1/v1/chat/completions")
PASSAGE = Passage("for-0", "statements", "for", "The for statement", "The else clause of a loop runs at its end.")
ANSWER = Answer("At its end.", ())


def _error(kind: type[openai.APIStatusError], status: int) -> openai.APIStatusError:
    return kind("no", response=httpx.Response(status, request=REQUEST), body=None)


class Scripted:
    """A way that raises an error, or answers, and notes how it was asked."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[str] = []

    def ask(self, question: str) -> Answer:
        del question
        return self._said("sync")

    async def ask_async(self, question: str) -> Answer:
        del question
        return self._said("async")

    async def ask_streaming(self, question: str) -> Answer:
        del question
        return self._said("stream")

    def _said(self, mode: str) -> Answer:
        self.asked.append(mode)
        if self.error:
            raise self.error
        return ANSWER


DOWN = _error(openai.InternalServerError, 503)


def _ladder(*ways: Scripted, degraded: bool = True) -> Ladder:
    routes = [Route(way, f"model-{number}") for number, way in enumerate(ways)]
    return Ladder(routes, Lexicon([PASSAGE]) if degraded else None, sources=4)


@pytest.mark.parametrize("mode", ["sync", "async", "stream"])
def test_the_first_that_answers_is_the_last_asked(finish: Finish, mode: Mode) -> None:
    ways = (Scripted(), Scripted())
    assert finish(_ladder(*ways).answer("When?", mode)) == Outcome(ANSWER, "model-0")
    assert [way.asked for way in ways] == [[mode], []]


@pytest.mark.parametrize(
    "error",
    [
        DOWN,
        _error(openai.NotFoundError, 404),
        openai.APITimeoutError(REQUEST),
        httpx.ReadError("a stream broke off"),
        json.JSONDecodeError("an answer was cut", "{", 1),
    ],
    ids=str,
)
def test_another_model_is_asked_when_one_is_out(finish: Finish, error: Exception) -> None:
    counters = EffectCounters(CollectorRegistry())

    async def ask() -> tuple[Outcome, object]:
        with counters.gather() as told:
            outcome = await _ladder(Scripted(error), Scripted()).answer("When?", "async")
        return outcome, told

    assert finish(ask()) == (Outcome(ANSWER, "model-1"), {"fallback": {"count": 1}})


def test_when_none_answers_the_passages_stand_alone_and_say_so(finish: Finish) -> None:
    outcome = finish(_ladder(Scripted(DOWN), Scripted(DOWN)).answer("When does the else clause run?", "sync"))
    passages = (Source("for-0", PASSAGE.title, PASSAGE.text, 1.0),)
    assert outcome == Outcome(Answer(NO_MODEL, passages), "", "InternalServerError: no")


def test_without_degraded_answers_the_last_error_comes_through(finish: Finish) -> None:
    with pytest.raises(openai.InternalServerError):
        finish(_ladder(Scripted(DOWN), degraded=False).answer("When?", "sync"))


def test_what_another_model_would_refuse_too_comes_through_at_once(finish: Finish) -> None:
    other = Scripted()
    with pytest.raises(openai.BadRequestError):
        finish(_ladder(Scripted(_error(openai.BadRequestError, 400)), other).answer("When?", "sync"))
    assert other.asked == []
