from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from spanmeter_collector.turns import take_short_turns


@pytest.fixture(autouse=True)
def usual_turns() -> Iterator[None]:
    usual = sys.getswitchinterval()
    yield
    sys.setswitchinterval(usual)


def test_threads_take_turns_of_a_millisecond() -> None:
    sys.setswitchinterval(0.005)

    take_short_turns()

    assert sys.getswitchinterval() == pytest.approx(0.001)
