"""The prompts of one `generate` share what LangChain leaves with the first."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from spanmeter.answer import Answer
from spanmeter.langchain.batch import Batch, batch_of
from spanmeter.pricing import Usage
from spanmeter.receipt import NO_USAGE

USAGE = Usage(input=10, output=5)
FIRST, SECOND = UUID(int=1), UUID(int=2)
TOLD: dict[str, Any] = {"token_usage": {"prompt_tokens": 10}}


def shared(batch: Batch, usage: Usage | None) -> list[tuple[Usage | None, int | None]]:
    batch.run_ids += [FIRST, SECOND]
    answers = (
        batch.share(Answer(usage=usage), run_id=FIRST, output=TOLD if usage else {}),
        batch.share(Answer(), run_id=SECOND, output={"token_usage": {}} if usage else {}),
    )
    return [(answer.usage, answer.requests) for answer in answers]


BATCHES: dict[str, tuple[Batch, Usage | None, list[tuple[Usage | None, int | None]]]] = {
    "one request": (Batch({}, 2, together=20), USAGE, [(USAGE, 1), (NO_USAGE, 0)]),
    "two requests": (Batch({}, 40, together=20), USAGE, [(USAGE, 2), (NO_USAGE, 0)]),
    "a request each, usage of all": (Batch({}, 2), USAGE, [(USAGE, None), (NO_USAGE, None)]),
    "a request each, no usage": (Batch({}, 2), None, [(None, None), (None, None)]),
    "one request, no usage": (Batch({}, 2, together=20), None, [(None, 1), (None, 0)]),
}


@pytest.mark.parametrize(("batch", "usage", "answers"), BATCHES.values(), ids=BATCHES)
def test_the_second_prompt_of_a_paid_request_adds_nothing(batch: Batch, usage: Any, answers: Any) -> None:
    assert shared(batch, usage) == answers


def read(kind: str, *, size: int | None, completion: bool = True, **given: Any) -> tuple[int, int] | None:
    options = {"batch_size": size, "invocation_params": {"_type": kind}}
    batch = batch_of({"kwargs": given}, options, completion=completion)
    return (batch.size, batch.together) if batch else None


def test_only_completion_models_that_send_prompts_together_share_requests() -> None:
    assert read("openai", size=None) is None
    assert read("openai", size=1) is None
    assert read("openai", size=45) == (45, 20)
    assert read("azure", size=45, batch_size=5) == (45, 5)
    assert read("anthropic-llm", size=2) == (2, 1)
    assert read("openai-chat", size=2, completion=False) == (2, 1)


def test_a_batch_without_parameters_is_nobody_elses() -> None:
    first, second = (batch_of(None, {"batch_size": 2}, completion=True) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.parameters is not second.parameters
