from __future__ import annotations

import pytest

from spanmeter_rag.breaker import Breaker, OpenError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    """An open one: the model failed three times in a row."""
    breaker = Breaker("gpt-4o", failures=3, open_s=10, clock=clock)
    for _ in range(3):
        breaker.enter()
        breaker.failed()
    return breaker


def test_failures_in_a_row_open_it_and_it_says_for_how_long(breaker: Breaker, clock: Clock) -> None:
    clock.now += 0.5
    with pytest.raises(OpenError, match=r"^gpt-4o failed 3 times in a row; asked again in 10 s$"):
        breaker.enter()
    assert (breaker.is_open, breaker.remaining_s) == (True, 9.5)


def test_a_success_in_between_keeps_it_closed(clock: Clock) -> None:
    breaker = Breaker("gpt-4o", failures=3, open_s=10, clock=clock)
    for succeeds in (False, False, True, False, False):
        breaker.enter()
        (breaker.succeeded if succeeds else breaker.failed)()
    assert (breaker.is_open, breaker.remaining_s) == (False, 0.0)


def test_after_the_wait_one_request_tries_and_its_success_closes_it(breaker: Breaker, clock: Clock) -> None:
    clock.now += 10
    breaker.enter()
    with pytest.raises(OpenError):
        breaker.enter()
    breaker.succeeded()
    breaker.enter()
    assert not breaker.is_open


def test_its_failure_keeps_it_open_for_as_long_again(breaker: Breaker, clock: Clock) -> None:
    clock.now += 10
    breaker.enter()
    clock.now += 4
    breaker.failed()
    assert breaker.remaining_s == 10


def test_it_may_be_told_to_let_one_try_before(breaker: Breaker) -> None:
    breaker.try_now()
    breaker.enter()
    with pytest.raises(OpenError):
        breaker.enter()


def test_one_that_never_tells_is_followed_by_another(breaker: Breaker, clock: Clock) -> None:
    clock.now += 10
    breaker.enter()
    clock.now += 10
    breaker.enter()


def test_without_a_number_of_failures_it_never_opens() -> None:
    breaker = Breaker("gpt-4o", failures=0, open_s=10)
    for _ in range(100):
        breaker.enter()
        breaker.failed()
    assert not breaker.is_open
