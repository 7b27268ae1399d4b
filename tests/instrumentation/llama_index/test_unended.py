"""What never ends is given up: when it was silent too long, and the oldest when there is too much."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from spanmeter.llama_index.unended import MAX_SILENCE_S, Unended


@dataclass
class Thing:
    seen_s: float = 0.0


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def unended(clock: Clock) -> Unended[Thing]:
    kept: Unended[Thing] = Unended(give_up=lambda span_id: kept.pop(span_id, None), clock=clock)
    return kept


def test_what_was_silent_for_an_hour_is_given_up_when_something_else_starts(
    unended: Unended[Thing], clock: Clock
) -> None:
    unended.start("old", Thing())
    clock.now_s = MAX_SILENCE_S
    unended.start("young", Thing())
    clock.now_s = MAX_SILENCE_S + 61
    unended.start("new", Thing())
    assert list(unended) == ["young", "new"]


def test_what_something_is_seen_of_stays(unended: Unended[Thing], clock: Clock) -> None:
    watched = Thing()
    unended.start("watched", watched)
    clock.now_s = watched.seen_s = 2 * MAX_SILENCE_S
    unended.start("new", Thing())
    assert list(unended) == ["watched", "new"]


def test_of_too_much_the_oldest_tenth_is_given_up(unended: Unended[Thing]) -> None:
    unended.max_open = 20
    for number in range(21):
        unended.start(str(number), Thing())
    assert list(unended) == [str(number) for number in range(3, 21)]


def test_threads_may_start_and_end_while_others_are_looked_for(clock: Clock) -> None:
    kept: Unended[Thing] = Unended(give_up=lambda span_id: kept.pop(span_id, None), clock=clock)
    kept.max_open = 10

    def start_and_end(name: int) -> None:
        for number in range(2_000):
            kept.start(f"{name}-{number}", Thing())
            kept.pop(f"{name}-{number - 5}", None)

    threads = [threading.Thread(target=start_and_end, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) <= 10 + len(threads)
