"""No fault of ours reaches the application, and each is known."""

from __future__ import annotations

import functools
import logging
import operator
from typing import Any

import pytest

from spanmeter import barrier


@barrier.barrier
def hook(divisor: int) -> float:
    return 1 / divisor


def test_a_hook_that_works_gives_its_result() -> None:
    assert hook(2) == 0.5


def test_a_fault_is_counted_each_time_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    barrier.raise_faults(on=False)
    barrier._seen.clear()
    before = barrier.faults["hook"]

    with caplog.at_level(logging.ERROR, "spanmeter"):
        results = [hook(0), hook(0)]

    assert results == [None, None]
    assert barrier.faults["hook"] - before == 2
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


@pytest.mark.parametrize(
    ("made", "name"),
    [
        pytest.param(functools.partial(operator.truediv, 1, 0), "truediv", id="partial"),
        pytest.param(operator.itemgetter(0), "itemgetter", id="object"),
    ],
)
def test_a_hook_that_is_no_function_is_spared_too(made: Any, name: str) -> None:
    barrier.raise_faults(on=False)
    before = barrier.faults[name]

    assert barrier.barrier(made)(*[None] * (name == "itemgetter")) is None
    assert barrier.faults[name] - before == 1


def test_a_fault_surfaces_under_test() -> None:
    with pytest.raises(ZeroDivisionError):
        hook(0)
