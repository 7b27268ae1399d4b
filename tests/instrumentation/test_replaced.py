"""Functions of others are replaced all together or not at all, and put back as they were."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from spanmeter.replaced import Replaced


def doubled(function: Callable[[], int]) -> Callable[[], int]:
    return lambda: 2 * function()


def answers(owner: Any) -> tuple[int, int]:
    return owner.one(), owner.two()


@pytest.fixture
def owner() -> Any:
    return SimpleNamespace(one=lambda: 1, two=lambda: 2)


def test_what_is_replaced_is_put_back(owner: Any) -> None:
    replaced = Replaced()

    assert replaced.put(owner, {"one": doubled, "two": doubled})
    assert (answers(owner), bool(replaced)) == ((2, 4), True)

    replaced.remove()
    assert (answers(owner), bool(replaced)) == ((1, 2), False)


def test_where_one_is_missing_nothing_is_replaced_and_a_warning_names_it(
    owner: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="spanmeter"):
        done = Replaced().put(owner, {"one": doubled, "three": doubled}, missing="unknown")

    assert (done, answers(owner)) == (False, (1, 2))
    assert [record.getMessage() for record in caplog.records] == ["unknown: three not found"]


def test_what_may_be_missing_is_passed_over_in_silence(owner: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="spanmeter"):
        assert not Replaced().put(owner, {"three": doubled})

    assert caplog.records == []
