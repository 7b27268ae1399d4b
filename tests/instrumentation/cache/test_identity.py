"""Functions of one name are not each other's: what they close over and what they do tells them apart."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from spanmeter.cache import Cache
from spanmeter.cache.identity import Identities


class Model:
    def __init__(self, answer: str) -> None:
        self.answer = answer

    def ask(self, question: str) -> str:
        return f"{question} {self.answer}"


def multiplied(factor: int) -> Callable[[int], int]:
    def multiply(number: int) -> int:
        return number * factor

    return multiply


def asking(model: Model) -> Callable[[str], str]:
    def ask(question: str) -> str:
        return model.ask(question)

    return ask


def test_functions_that_close_over_other_values_have_answers_of_their_own(answers: Cache) -> None:
    assert [answers(multiplied(2))(3), answers(multiplied(5))(3), answers(multiplied(2))(3)] == [6, 15, 6]
    assert answers.stats().hits == 1


def test_functions_that_close_over_other_objects_have_answers_of_their_own(answers: Cache) -> None:
    one, other = Model("one"), Model("other")

    assert [answers(asking(model))("a") for model in (one, other, other)] == ["a one", "a other", "a other"]
    assert answers.stats().hits == 1


def test_methods_of_other_objects_have_answers_of_their_own(answers: Cache) -> None:
    assert [answers(Model(name).ask)("a") for name in ("one", "other")] == ["a one", "a other"]


def test_lambdas_have_answers_of_their_own(answers: Cache) -> None:
    functions: list[Callable[[int], int]] = [lambda number: number + 1, lambda number: number * 5]

    assert [answers(function)(3) for function in functions] == [4, 15]


def test_a_function_that_was_written_anew_has_answers_of_its_own(answers: Cache) -> None:
    said = []
    for code in ("return 1", "return 2", "return 2"):
        there: dict[str, Any] = {"__name__": "notebook"}
        exec(f"def ask(question):\n    {code}", there)
        ask: Any = answers(there["ask"])
        said.append(ask("a"))

    assert (said, answers.stats().hits) == ([1, 2, 2], 1)


def test_what_is_no_function_has_answers_of_its_own(answers: Cache) -> None:
    assert [answers(partial(Model.ask, Model(name)))("a") for name in ("one", "other")] == ["a one", "a other"]


def test_plain_values_are_told_to_every_process() -> None:
    name = (__name__, "multiplied.<locals>.multiply", "2")

    assert [Identities().of(multiplied(factor), version="2") for factor in (2, 5)] == [
        [*name, ("int", 2), 0],
        [*name, ("int", 5), 0],
    ]


def test_a_version_makes_another_function() -> None:
    assert len({tuple(Identities().of(multiplied, version=version)) for version in ("", "2")}) == 2
