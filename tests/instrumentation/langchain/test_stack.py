"""The interpreter's frames tell what LangChain's context does not."""

# ruff: noqa: ARG001  what is read are the names of the arguments

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from spanmeter.langchain import stack

OUTER, INNER = uuid4(), uuid4()


def _generate(run_manager: Any, inside: Any) -> Any:
    return inside()


def test_models_whose_code_runs_are_found_from_the_inside_out() -> None:
    def inner() -> Any:
        return _generate(SimpleNamespace(run_id=INNER), lambda: list(stack.running()))

    assert _generate(SimpleNamespace(run_id=OUTER), inner) == [INNER, OUTER]
    assert _generate(None, lambda: list(stack.running())) == []


async def test_a_task_does_not_run_inside_of_the_one_that_started_it() -> None:
    async def running() -> list[UUID]:
        return list(stack.running())

    async def ainvoke(run_manager: Any) -> list[list[UUID]]:
        return [list(stack.running()), await asyncio.create_task(running())]

    assert await ainvoke(SimpleNamespace(run_id=OUTER)) == [[OUTER], []]


def test_the_tool_whose_start_is_told_is_the_nearest() -> None:
    def run(tool_call_id: Any) -> str:
        return stack.tool_call_id()

    assert (run("call_7"), run(None), stack.tool_call_id()) == ("call_7", "", "")


def failing(results: Any) -> BaseException:
    def generate(results: Any) -> None:
        raise ValueError(len(results or ()))

    try:
        generate(results)
    except ValueError as error:
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        return error
    pytest.fail("it did not raise")


def test_what_was_answered_before_a_failure_is_read_from_where_it_failed() -> None:
    assert stack.answers_before(failing(["a", "b"])) == ["a", "b"]
    assert stack.answers_before(failing(None)) == ()
    assert stack.answers_before(ValueError()) == ()
